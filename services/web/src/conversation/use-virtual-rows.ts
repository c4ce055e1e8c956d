import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { flushSync } from 'react-dom';
import { type LayoutItem, RowLayout } from './row-layout.ts';

/** Pixels above and below the visible part in which lines are kept ready. */
const AHEAD = 800;
/** Lines are added and taken away in steps, so that most of a scroll costs nothing. */
const STEP = 6;
/** Pixels from the end within which a list follows what is added. */
const AT_END = 48;

interface Range {
  start: number;
  end: number;
}

/** A range, and one of its lines: where that line is later, the range is too. */
interface HeldRange extends Range {
  key?: string | undefined;
  at: number;
}

/** The line whose place on the screen is kept, and how far it is below the upper edge. */
interface Anchor {
  key: string;
  below: number;
}

export interface VirtualRows {
  scroller: RefObject<HTMLDivElement | null>;
  inner: RefObject<HTMLDivElement | null>;
  range: Range;
  atEnd: boolean;
  /** Index of the lowest line that can be seen; -1 if there is none. Asked for, not told: it changes at every frame of a scroll. */
  lastVisible: () => number;
  onScroll: () => void;
  scrollToEnd: () => void;
  /** Brings a line into view. @param place 0: at the upper edge; 0.5: in the middle. @returns false if there is no such line */
  scrollTo: (key: string, place: number) => boolean;
}

interface VirtualRowsOptions<T extends LayoutItem> {
  items: readonly T[];
  estimate: (item: T, width: number) => number;
  /** Whether a line keeps its place when others are added above it: separators move, messages stay. */
  holds: (item: T) => boolean;
  /** After every change of what can be seen. */
  onSeen?: () => void;
}

/**
 * Renders only the lines of a long list that can be seen. Lines may have any height, which is measured before it is painted. What is on the
 * screen stays where it is when lines above it are added, measured or change; at the end the list follows instead.
 */
export function useVirtualRows<T extends LayoutItem>(options: VirtualRowsOptions<T>): VirtualRows {
  const { items, estimate, holds, onSeen } = options;
  const scroller = useRef<HTMLDivElement>(null);
  const inner = useRef<HTMLDivElement>(null);
  const width = useRef(360);
  const [layout] = useState(() => new RowLayout<T>((item) => estimate(item, width.current)));
  const follow = useRef(true);
  const anchor = useRef<Anchor | undefined>(undefined);
  // Where the scroller was when the anchor was taken.
  const knownTop = useRef(0);
  const [range, setRange] = useState<HeldRange>(() => ({
    start: Math.max(0, items.length - 30),
    end: items.length,
    at: 0,
  }));
  const [atEnd, setAtEnd] = useState(true);
  const [, redraw] = useState(0);

  layout.setItems(items);
  // With lines added above, the same lines have other numbers: without this all of them would be taken away and made anew.
  const shift = range.key === undefined ? 0 : (layout.indexOf(range.key) ?? range.at) - range.at;
  const clamp = (index: number) => Math.max(0, Math.min(index + shift, items.length));
  const shown: Range = { start: clamp(range.start), end: clamp(range.end) };

  /** The lines within `ahead` pixels of what can be seen. */
  const near = useCallback(
    (ahead: number): Range => {
      const { scrollTop = 0, clientHeight = 0 } = scroller.current ?? {};
      const end = layout.at(scrollTop + clientHeight + ahead) + 1;
      return { start: layout.at(scrollTop - ahead), end: Math.min(layout.items.length, end) };
    },
    [layout],
  );

  /** The range that the scroller's place asks for. */
  const wanted = useCallback((): HeldRange => {
    const { start, end } = near(AHEAD);
    let at = start;
    while (at < end && !holds(layout.items[at] as T)) at += 1;
    const key = layout.items[at]?.key;
    return { start: Math.floor(start / STEP) * STEP, end: Math.ceil(end / STEP) * STEP, key, at };
  }, [near, layout, holds]);

  /** The lowest line that holds and is wholly visible: what is above it may change without moving it. */
  const findAnchor = useCallback((): Anchor | undefined => {
    const { scrollTop = 0, clientHeight = 0 } = scroller.current ?? {};
    const top = layout.at(scrollTop);
    for (let index = layout.at(scrollTop + clientHeight - 1); index >= top; index--) {
      const item = layout.items[index];
      if (item && holds(item)) return { key: item.key, below: layout.offset(index) - scrollTop };
    }
    return undefined;
  }, [layout, holds]);

  const note = useCallback(() => {
    const { scrollTop = 0, clientHeight = 0 } = scroller.current ?? {};
    setAtEnd(layout.total - scrollTop - clientHeight < AT_END);
    onSeen?.();
  }, [layout, onSeen]);

  const lastVisible = useCallback(() => {
    const { scrollTop = 0, clientHeight = 0 } = scroller.current ?? {};
    return layout.items.length === 0 ? -1 : layout.at(scrollTop + clientHeight - 24);
  }, [layout]);

  const onScroll = useCallback(() => {
    const element = scroller.current;
    if (!element) return;
    follow.current = layout.total - element.scrollTop - element.clientHeight < AT_END;
    anchor.current = findAnchor();
    knownTop.current = element.scrollTop;
    const next = wanted();
    const top = layout.at(element.scrollTop);
    const bottom = layout.at(element.scrollTop + element.clientHeight);
    const update = () => {
      setRange((now) => (now.start + shift === next.start && now.end + shift === next.end ? now : next));
      note();
    };
    // Past what is rendered: without waiting for React's turn the next frame would be blank there.
    if (top < shown.start || bottom >= shown.end) flushSync(update);
    else update();
  }, [layout, findAnchor, wanted, note, shift, shown.start, shown.end]);

  /** The person may have scrolled since the last scroll event, which comes once a frame: what they did is not undone. */
  const catchUp = useCallback(() => {
    const element = scroller.current;
    const moved = element ? element.scrollTop - knownTop.current : 0;
    if (!element || Math.abs(moved) < 1) return;
    knownTop.current = element.scrollTop;
    if (anchor.current) anchor.current.below -= moved;
    const fromEnd = element.scrollHeight - element.scrollTop - element.clientHeight;
    if (moved < 0 && fromEnd >= AT_END) follow.current = false;
  }, []);

  /** Puts the scroller where the anchor, or the end, now is. */
  const restore = useCallback(() => {
    const element = scroller.current;
    if (!element) return;
    const index = anchor.current && layout.indexOf(anchor.current.key);
    if (follow.current) element.scrollTop = layout.total;
    else if (index !== undefined && anchor.current) {
      const top = layout.offset(index) - anchor.current.below;
      if (Math.abs(top - element.scrollTop) >= 1) element.scrollTop = top;
    }
    knownTop.current = element.scrollTop;
  }, [layout]);

  const measure = useCallback(() => {
    for (const row of inner.current?.children ?? []) {
      const { key } = (row as HTMLElement).dataset;
      if (key !== undefined) layout.setHeight(key, row.getBoundingClientRect().height);
    }
  }, [layout]);

  // Before every paint: lines that are new have their true height, and what was on the screen is where it was.
  useLayoutEffect(() => {
    catchUp();
    measure();
    if (inner.current) {
      inner.current.style.transform = `translateY(${layout.offset(shown.start)}px)`;
      (inner.current.parentElement as HTMLElement).style.height = `${layout.total}px`;
    }
    restore();
    // What was measured moves the wish by a line or two: that can wait for the next scroll, as long as nothing near is missing.
    const needed = near(AHEAD / 2);
    if (needed.start < shown.start || needed.end > shown.end) setRange(wanted());
    note();
  });

  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const observer = new ResizeObserver((entries) => {
      if (element.clientWidth !== width.current && entries.some(({ target }) => target === element)) {
        width.current = element.clientWidth;
        layout.forgetHeights();
      }
      redraw((count) => count + 1);
    });
    width.current = element.clientWidth;
    observer.observe(element);
    if (inner.current) observer.observe(inner.current);
    return () => observer.disconnect();
  }, [layout]);

  const scrollToEnd = useCallback(() => {
    follow.current = true;
    restore();
    onScroll();
  }, [restore, onScroll]);

  const scrollTo = useCallback(
    (key: string, place: number) => {
      const element = scroller.current;
      if (!element || layout.indexOf(key) === undefined) return false;
      follow.current = false;
      anchor.current = { key, below: Math.round(element.clientHeight * place) };
      restore();
      const kept = anchor.current;
      setRange(wanted());
      // The scroll event that follows would take another line for the anchor before this one was measured.
      anchor.current = kept;
      return true;
    },
    [layout, restore, wanted],
  );

  return {
    scroller,
    inner,
    range: shown,
    atEnd,
    lastVisible,
    onScroll,
    scrollToEnd,
    scrollTo,
  };
}

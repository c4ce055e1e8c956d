import type { ChatContext } from './context.ts';

/**
 * Milliseconds that a message waits for those before it at most: a write that hangs does not hold its conversation up, and readers order by seq anyway.
 * Source: what a send may take at p99.
 */
const PATIENCE_MS = 100;

/** The last place of each conversation with messages between their seq and the bus. One map per context, which its store stands for. */
const lastPlaces = new WeakMap<ChatContext['store'], Map<string, Place>>();

/** The place of a message among those of its conversation, from its seq until it is handed to the bus. */
interface Place {
  before: Place | undefined;
  hasLeft: boolean;
  /** Tells the one behind it, if that waits. */
  onLeave: (() => void) | undefined;
}

/**
 * Keeps the messages of a conversation in the order of their seqs on their way from the store to the bus, as far as they pass through this process:
 * their inserts are several commands over several connections, of which a later one may end first.
 */
export interface PublishTurn {
  /** The message has its seq. To be called in the order of the seqs; again if it needed another one. */
  enter(): void;
  /** @returns once those before it have left, or 100 ms later; undefined if they have */
  wait(): Promise<void> | undefined;
  /** It was handed to the bus, or will not be. May be called again. */
  leave(): void;
}

/** The turn of a message that has no seq yet: it is in nobody's way before `enter`. */
export function publishTurn(store: ChatContext['store'], conversationId: string): PublishTurn {
  const last = lastPlaces.get(store) ?? new Map<string, Place>();
  lastPlaces.set(store, last);
  let place: Place | undefined;

  const leave = () => {
    if (!place) return;
    place.hasLeft = true;
    place.onLeave?.();
    if (last.get(conversationId) === place) {
      const before = stillBefore(place);
      if (before) last.set(conversationId, before);
      else last.delete(conversationId);
    }
    place = undefined;
  };
  return {
    enter() {
      leave();
      place = { before: last.get(conversationId), hasLeft: false, onLeave: undefined };
      last.set(conversationId, place);
    },
    wait: () => (place && stillBefore(place) ? untilNobodyIsBefore(place) : undefined),
    leave,
  };
}

/** The next one before a place that has not left. Who gave up without having waited leaves those before it to the one behind. */
function stillBefore(place: Place): Place | undefined {
  while (place.before?.hasLeft) place.before = place.before.before;
  return place.before;
}

function untilNobodyIsBefore(place: Place): Promise<void> {
  return new Promise((resolve) => {
    const pass = () => {
      clearTimeout(timer);
      // Whoever was not waited for to the end is nobody else's business either.
      place.before = undefined;
      resolve();
    };
    const timer = setTimeout(pass, PATIENCE_MS);
    const look = () => {
      const before = stillBefore(place);
      if (before) before.onLeave = look;
      else pass();
    };
    look();
  });
}

import { type RefObject, useLayoutEffect } from 'react';

/** Pixels that a field may grow to before it scrolls. */
const TALLEST = 160;

/** Makes a field as high as its text. */
export function useGrowingHeight(field: RefObject<HTMLTextAreaElement | null>, text: string): void {
  useLayoutEffect(() => {
    const element = field.current;
    if (!element) return;
    element.style.height = 'auto';
    element.style.height = `${Math.min(TALLEST, element.scrollHeight)}px`;
    element.style.overflowY = element.scrollHeight > TALLEST ? 'auto' : 'hidden';
  }, [field, text]);
}

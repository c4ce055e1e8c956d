const RIGHT_TO_LEFT =
  /^[^\p{L}]*[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Adlam}]/u;

/**
 * Whether a text runs from right to left, by its first letter, as `dir="auto"` decides it. In code, because the style sheet's `:dir()` is
 * rewritten to a list of languages when it is built for older browsers.
 */
export function isRightToLeft(text: string): boolean {
  return RIGHT_TO_LEFT.test(text);
}

import { MoonIcon, SunIcon } from './icons.tsx';
import type { Theme } from './theme.ts';

export function ThemeButton({ theme }: { theme: Theme }) {
  const other = theme.name === 'dark' ? 'light' : 'dark';
  return (
    <button type="button" className="icon-button" onClick={theme.toggle} aria-label={`Switch to the ${other} theme`}>
      {theme.name === 'dark' ? <SunIcon /> : <MoonIcon />}
    </button>
  );
}

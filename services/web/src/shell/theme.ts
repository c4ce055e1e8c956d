import { useCallback, useEffect, useState } from 'react';

export type ThemeName = 'light' | 'dark';

export interface Theme {
  name: ThemeName;
  toggle: () => void;
}

const KEY = 'confab.theme';
const dark = () => matchMedia('(prefers-color-scheme: dark)');

/** The theme of the system, until the person chooses the other one. */
export function useTheme(): Theme {
  const [chosen, setChosen] = useState<ThemeName | null>(stored);
  const [system, setSystem] = useState<ThemeName>(() => (dark().matches ? 'dark' : 'light'));
  useEffect(() => {
    const query = dark();
    const changed = () => setSystem(query.matches ? 'dark' : 'light');
    query.addEventListener('change', changed);
    return () => query.removeEventListener('change', changed);
  }, []);
  const name = chosen ?? system;
  useEffect(() => {
    document.documentElement.dataset.theme = name;
  }, [name]);
  const toggle = useCallback(() => {
    const next = name === 'dark' ? 'light' : 'dark';
    localStorage.setItem(KEY, next);
    setChosen(next);
  }, [name]);
  return { name, toggle };
}

function stored(): ThemeName | null {
  const name = localStorage.getItem(KEY);
  return name === 'light' || name === 'dark' ? name : null;
}

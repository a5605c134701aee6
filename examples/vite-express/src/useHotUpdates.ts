import { useSyncExternalStore } from 'react';

let updates = 0;
const listeners = new Set<() => void>();

import.meta.hot?.on('vite:afterUpdate', () => {
  updates += 1;
  for (const listener of listeners) listener();
});

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** How many hot updates this page has taken since it was loaded; always 0 in production. */
export function useHotUpdates(): number {
  return useSyncExternalStore(subscribe, () => updates);
}

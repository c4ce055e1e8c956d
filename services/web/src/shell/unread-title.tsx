import { useUnread } from '@confab/client/react';
import { useEffect } from 'react';

/** The number of unread messages in the title of the tab. */
export function UnreadTitle() {
  const unread = useUnread();
  useEffect(() => {
    document.title = unread > 0 ? `(${unread}) Confab` : 'Confab';
  }, [unread]);
  return null;
}

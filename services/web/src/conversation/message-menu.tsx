import type { ChatMessage } from '@confab/client/react';
import { type KeyboardEvent, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { createPortal } from 'react-dom';
import { CopyIcon, ReplyIcon, TrashIcon } from '../shell/icons.tsx';
import { DeleteDialog } from './delete-dialog.tsx';

interface MessageMenuProps {
  message: ChatMessage;
  anchor: HTMLElement;
  onReply: (message: ChatMessage) => void;
  onClose: () => void;
}

/** What can be done with a message. */
export function MessageMenu({ message, anchor, onReply, onClose }: MessageMenuProps) {
  const [deleting, setDeleting] = useState<'me' | 'everyone' | null>(null);
  const close = () => {
    onClose();
    anchor.focus();
  };
  if (deleting) return <DeleteDialog message={message} scope={deleting} onClose={close} />;
  const act = (action: () => void) => () => {
    close();
    action();
  };
  return createPortal(
    <MenuPanel anchor={anchor} onClose={close}>
      <MenuItem icon={<ReplyIcon size={18} />} label="Reply" onPick={act(() => onReply(message))} />
      {message.text !== null && (
        <MenuItem
          icon={<CopyIcon size={18} />}
          label="Copy text"
          onPick={act(() => void navigator.clipboard?.writeText(message.text ?? ''))}
        />
      )}
      <MenuItem icon={<TrashIcon size={18} />} label="Delete for me" onPick={() => setDeleting('me')} />
      {message.own && (
        <MenuItem
          icon={<TrashIcon size={18} />}
          label="Delete for everyone"
          danger
          onPick={() => setDeleting('everyone')}
        />
      )}
    </MenuPanel>,
    // Inside of the page's landmark, and above everything in it.
    anchor.closest('main') ?? document.body,
  );
}

interface MenuPanelProps {
  anchor: HTMLElement;
  onClose: () => void;
  children: React.ReactNode;
}

function MenuPanel({ anchor, onClose, children }: MenuPanelProps) {
  const panel = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => place(panel.current, anchor), [anchor]);
  useEffect(() => {
    panel.current?.querySelector<HTMLElement>('[role=menuitem]')?.focus();
    const outside = (event: Event) => {
      if (!panel.current?.contains(event.target as Node)) onClose();
    };
    document.addEventListener('pointerdown', outside);
    addEventListener('resize', onClose);
    return () => {
      document.removeEventListener('pointerdown', outside);
      removeEventListener('resize', onClose);
    };
  }, [onClose]);
  return (
    <div
      ref={panel}
      className="menu"
      role="menu"
      aria-label="Message"
      tabIndex={-1}
      onKeyDown={(event) => menuKeys(event, onClose)}
    >
      {children}
    </div>
  );
}

function menuKeys(event: KeyboardEvent<HTMLDivElement>, onClose: () => void): void {
  const items = [...event.currentTarget.querySelectorAll<HTMLElement>('[role=menuitem]')];
  const at = items.indexOf(document.activeElement as HTMLElement);
  if (event.key === 'Escape' || event.key === 'Tab') onClose();
  else if (event.key === 'ArrowDown') items[(at + 1) % items.length]?.focus();
  else if (event.key === 'ArrowUp') items.at(at - 1)?.focus();
  else if (event.key === 'Home') items[0]?.focus();
  else if (event.key === 'End') items.at(-1)?.focus();
  else return;
  event.preventDefault();
  event.stopPropagation();
}

/** Below the button, or above it where there is no room; never over an edge. */
function place(panel: HTMLElement | null, anchor: HTMLElement): void {
  if (!panel) return;
  const button = anchor.getBoundingClientRect();
  const { width, height } = panel.getBoundingClientRect();
  const below = button.bottom + 4 + height <= innerHeight - 8;
  const top = below ? button.bottom + 4 : Math.max(8, button.top - height - 4);
  const left = Math.min(Math.max(8, button.right - width), innerWidth - width - 8);
  panel.style.top = `${top}px`;
  panel.style.left = `${left}px`;
}

interface MenuItemProps {
  icon: React.ReactNode;
  label: string;
  danger?: boolean;
  onPick: () => void;
}

function MenuItem({ icon, label, danger = false, onPick }: MenuItemProps) {
  return (
    <button
      type="button"
      role="menuitem"
      className={danger ? 'menu-item danger' : 'menu-item'}
      tabIndex={-1}
      onClick={onPick}
    >
      {icon}
      {label}
    </button>
  );
}

import { CloseIcon, SearchIcon } from '../shell/icons.tsx';

export function SearchBox({ query, onQuery }: { query: string; onQuery: (query: string) => void }) {
  return (
    <search className="search-box">
      <SearchIcon size={18} />
      <input
        type="search"
        aria-label="Search conversations and people"
        placeholder="Search or start a chat"
        value={query}
        onChange={(event) => onQuery(event.target.value)}
        onKeyDown={(event) => event.key === 'Escape' && onQuery('')}
      />
      {query && (
        <button type="button" className="icon-button icon-button-small" aria-label="Clear" onClick={() => onQuery('')}>
          <CloseIcon size={16} />
        </button>
      )}
    </search>
  );
}

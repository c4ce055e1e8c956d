import { Avatar } from '../shell/avatar.tsx';
import type { Person } from './finding.ts';

export function PeopleList({ people, onStart }: { people: Person[]; onStart: (userId: string) => void }) {
  if (people.length === 0) return null;
  return (
    <section aria-labelledby="people-heading">
      <h2 className="list-heading" id="people-heading">
        Start a chat
      </h2>
      <ul className="conversation-list">
        {people.map((person) => (
          <li key={person.id}>
            <button type="button" className="conversation-row" onClick={() => onStart(person.id)}>
              <Avatar id={person.id} name={person.name} />
              <span className="conversation-texts">
                <span className="conversation-title">{person.name}</span>
              </span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

export function DayLine({ itemKey, label }: { itemKey: string; label: string }) {
  return (
    <div className="day-line" data-key={itemKey}>
      <span>{label}</span>
    </div>
  );
}

export function NewLine({ itemKey }: { itemKey: string }) {
  return (
    <div className="day-line new-line" data-key={itemKey}>
      <span>New messages</span>
    </div>
  );
}

/** The server wants a pause. What was written waits, and goes out by itself. */
export function LimitNotice({ seconds }: { seconds: number }) {
  return (
    <div className="limit-place" role="status">
      {seconds > 0 && (
        <p className="limit-notice">
          You are writing very fast. Your messages go out <span className="visually-hidden">soon, by themselves.</span>
          {/* Read out once, not every second. */}
          <span aria-hidden="true">
            in <strong>{seconds} s</strong>.
          </span>
        </p>
      )}
    </div>
  );
}

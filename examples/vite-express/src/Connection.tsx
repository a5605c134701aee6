import { useHotUpdates } from './useHotUpdates';
import { trading } from './trading/live';
import { useTrading } from './trading/useTrading';

/** Which trading connection this page has, and how many hot updates it has outlived. */
export function Connection() {
  const { status, connection, since } = useTrading();
  const hotUpdates = useHotUpdates();
  return (
    <dl className={`connection ${status}`}>
      <div>
        <dt>Trading socket</dt>
        <dd data-testid="status">{status}</dd>
      </div>
      <div>
        <dt>Connection</dt>
        <dd data-testid="connection">{connection || '–'}</dd>
      </div>
      <div>
        <dt>Open since</dt>
        <dd>{connection ? new Date(since).toLocaleTimeString() : '–'}</dd>
      </div>
      {import.meta.env.DEV && (
        <div>
          <dt>Hot updates</dt>
          <dd data-testid="hot-updates">{hotUpdates}</dd>
        </div>
      )}
      <div>
        <dt>Address</dt>
        <dd>{trading.url}</dd>
      </div>
    </dl>
  );
}

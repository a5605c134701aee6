import { Bots } from './Bots';
import { Connection } from './Connection';
import { Quotes } from './Quotes';
import { useTrading } from './trading/useTrading';

// Change this while the page is open: the heading follows, and the connection's name stays.
const TITLE = 'Trading';

export function App() {
  const { watched, bots } = useTrading();
  return (
    <main>
      <header>
        <h1>{TITLE}</h1>
        <Connection />
      </header>
      <Quotes watched={Object.values(watched)} />
      <Bots messages={bots} />
    </main>
  );
}

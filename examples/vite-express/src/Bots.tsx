import type { FormEvent } from 'react';
import type { BotMessage } from '../shared/protocol';
import { trading } from './trading/live';

/** What bots say to each other, and a line to say something to them. */
export function Bots({ messages }: { messages: readonly BotMessage[] }) {
  function say(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const text = String(new FormData(form).get('text')).trim();
    if (text) trading.say(text);
    form.reset();
  }

  return (
    <section>
      <h2>Bots</h2>
      <form onSubmit={say}>
        <input name="text" placeholder="Say something to every bot" aria-label="Message" autoComplete="off" />
        <button>Send</button>
      </form>
      <ul data-testid="bots">
        {messages.map((message) => (
          <li key={message.seq}>
            <b>{message.from}</b> {message.text}
          </li>
        ))}
      </ul>
    </section>
  );
}

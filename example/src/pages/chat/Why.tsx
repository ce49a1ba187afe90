import { useQuery } from "convex/react";
import { useEffect, useRef } from "react";
import { api } from "../../../convex/_generated/api.js";
import { useNow } from "../../app/useNow.js";
import { agoText, inText, timeText } from "../../format/format.js";
import { eventText } from "../../format/words.js";
import { Loading } from "../../parts/Empty.js";

/** What the message waits for, and what happened to it. */
export function Why({ messageId }: { messageId: string }) {
  const why = useQuery(api.people.whyNotAnswered, { messageId });
  const now = useNow();
  const shown = useRef<HTMLDivElement>(null);
  const isKnown = why !== undefined;
  useEffect(() => {
    void shown.current?.scrollIntoView({ block: "nearest" });
  }, [isKnown]);
  if (why === undefined) return <Loading />;
  if (why === null) return <p className="muted">Nothing is known about this message any more.</p>;
  return (
    <div className="why" ref={shown}>
      <p>{why.detail}</p>
      <p className="muted">
        Since {agoText(why.since, now)}
        {why.until !== null && `, goes on ${inText(why.until, now)}`}.
      </p>
      <ol>
        {why.events.map((event, index) => (
          <li key={index}>
            <time>{timeText(event.at)}</time> {eventText(event.kind)}
          </li>
        ))}
      </ol>
    </div>
  );
}

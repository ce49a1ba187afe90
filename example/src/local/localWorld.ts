/** The control endpoint of the local world: faults, machines as the local Fly has them, and a phone with Telegram. */
import { useEffect, useState } from "react";
import { localWorldUrl } from "../app/config.js";

export type LocalMachine = { id: string; state: string; region: string };
export type PhoneMessage = { from: "bot" | "person"; text: string };
export type LocalState = {
  machines: LocalMachine[];
  usdPerHour: number;
  totalUsd: number;
  faults: string[];
  phone: PhoneMessage[];
};
export type LocalCommand =
  | { kind: "kill_worker" | "fly_outage" | "fly_429" | "end_faults" | "make_bot" }
  | { kind: "phone_says"; text: string };

/** Polls the local world; null while it does not answer, and always against a real deployment. */
export function useLocalWorld(everyMs = 1_000): LocalState | null {
  const [state, setState] = useState<LocalState | null>(null);
  useEffect(() => {
    const url = localWorldUrl;
    if (url === null) return;
    const stopped = new AbortController();
    const look = async () => {
      try {
        const answer = await fetch(url, { signal: stopped.signal });
        setState(answer.ok ? ((await answer.json()) as LocalState) : null);
      } catch {
        if (!stopped.signal.aborted) setState(null);
      }
    };
    void look();
    const timer = setInterval(() => void look(), everyMs);
    return () => {
      stopped.abort();
      clearInterval(timer);
    };
  }, [everyMs]);
  return state;
}

/** Returns what the local world says about it. */
export async function commandLocalWorld(command: LocalCommand): Promise<string> {
  const answer = await fetch(localWorldUrl ?? "", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(command),
  });
  const body = (await answer.json()) as { message: string };
  if (!answer.ok) throw new Error(body.message);
  return body.message;
}

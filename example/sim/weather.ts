/** What can go wrong outside, and how often it does in a run. */
import type { Draws } from "./draws.js";

/** Rates per opportunity in bad weather; a quarter of them in changeable weather. */
const BAD = {
  /** A worker's call never arrives. */
  lostRequest: 0.06,
  /** The call is carried out and the worker never learns so. */
  lostAnswer: 0.06,
  /** The call arrives a second time, up to 20 s later. */
  duplicateCall: 0.06,
  /** The call is on its way for up to a minute. */
  lateCall: 0.03,
  /** The worker's process ends in the middle of something. */
  crash: 0.04,
  /** The worker falls silent; its machine runs on. */
  hang: 0.015,
  /** The worker stands still for longer than its lease and then goes on as if nothing had happened. */
  stall: 0.04,
  /** The worker's clock is wrong by up to a day. */
  skew: 0.5,
  /** The agent fails, now and then for good. */
  engineError: 0.15,
  /** An action ends between two of its steps, or right after a call to the outside. */
  killAction: 0.02,
  /** A timer or a scheduled function comes late, by up to 90 s. */
  lateTimer: 0.02,
  fly429: 0.06,
  fly500: 0.06,
  /** Fly takes the connection and never answers. */
  flyTimeout: 0.03,
  /** Fly does it, and the answer is lost. */
  flyLostAnswer: 0.06,
  /** Fly creates the machine and answers with an error. */
  partialCreate: 0.25,
  /** A list without anything in it. */
  emptyList: 0.08,
  /** A list without one of its machines. */
  wrongList: 0.08,
  /** A machine is destroyed by somebody else. */
  machineLoss: 0.006,
  /** A machine is stopped by somebody else: its worker is told so, and killed a little later. */
  machineStop: 0.03,
  /** A machine that starts and never says a word. */
  bootFail: 0.08,
  /** Telegram sends the message and the answer is lost. */
  sendLost: 0.1,
  send429: 0.1,
  /** Telegram delivers an update again. */
  updateAgain: 0.3,
  /** Telegram delivers an update after later ones. */
  updateLate: 0.3,
} as const;

export type Fault = keyof typeof BAD;
export const FAULTS = Object.keys(BAD) as Fault[];
export type Weather = Readonly<Record<Fault, number>>;

/** Of the runs with a budget: what it allows can be told to the minute where nothing goes wrong. */
const FAIR_SHARE = 0.4;

/** Every run has weather of its own, so that some faults meet alone and others all at once. */
export function weatherOf(draws: Draws, enabled: readonly Fault[], budgeted: boolean): Weather {
  const isFair = budgeted && draws.at("weather/clear") < FAIR_SHARE;
  return Object.fromEntries(
    FAULTS.map((fault) => {
      const kind = isFair ? 0 : draws.at(`weather/${fault}`);
      const share = kind < 0.4 ? 0 : kind < 0.8 ? 0.25 : 1;
      return [fault, enabled.includes(fault) ? BAD[fault] * share : 0];
    }),
  ) as Weather;
}

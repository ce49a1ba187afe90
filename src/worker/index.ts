/**
 * The worker runtime: speaks the worker protocol (docs/WORKER_PROTOCOL.md) and leaves the answering to an
 * `Engine`. An image of its own needs only its engine and `runWorker`.
 */
export { runWorker, type WorkerOptions } from "./run.js";
export { parseEnv, EnvError, type WorkerEnv } from "./env.js";
export {
  EngineError,
  type Engine,
  type Answered,
  type EngineContext,
  type Turn,
} from "./engine/engine.js";
export { createEchoEngine, type EchoOptions } from "./engine/echo.js";
export { createOpenClawEngine } from "./engine/openclaw/openclaw.js";
export { parseOpenClawSettings, type OpenClawSettings } from "./engine/openclaw/settings.js";
export { EXIT, type ExitCode } from "./errors.js";
export { createLog, type Log, type LogFields, type LogLevel } from "./log.js";
export { systemClock, type Clock } from "./clock.js";
export { httpTransport, type CallKind, type Transport } from "./transport.js";
export { createGateway, type Gateway } from "./gateway.js";
export type { Attachment, HistoryEntry } from "./protocol.js";
export type { LoadedSkill } from "./skills/load.js";
export type { Channel, SendOutcome } from "./delivery/channel.js";
export type { SnapshotStorage } from "./snapshot/storage.js";

/** OpenClaw as the engine of a worker: one gateway process per machine, one session per conversation. */
import { randomBytes } from "node:crypto";
import { systemClock, type Clock } from "../../clock.js";
import { EngineBroken } from "../../errors.js";
import type { Entry } from "../../snapshot/entries.js";
import { EngineError, type Engine, type EngineContext, type Turn } from "../engine.js";
import { withAttachments } from "./attachments.js";
import { placesIn, renderConfig, sessionKeyOf, type Places } from "./config.js";
import { runOverHttp } from "./http.js";
import { archiveEntries, keepStamp, takeOver } from "./memory.js";
import { endsTheRun, failureOf, type ProviderFailure } from "./outcome.js";
import {
  endStrays,
  freePort,
  installedVersion,
  isReady,
  launchGateway,
  prepareDirectories,
  runDoctor,
  writeConfig,
} from "./process.js";
import { startRelay, type Relay } from "./relay.js";
import type { OpenClawSettings } from "./settings.js";
import { connectGateway, nodeSocket, type OpenSocket } from "./socket.js";
import { createSupervisor, type GatewayProcess, type Supervisor } from "./supervisor.js";
import { runTurn, type Session } from "./turn.js";

/** What tests replace. */
export type OpenClawParts = {
  clock?: Clock;
  random?: () => number;
  openSocket?: OpenSocket;
  launch?: (...args: Parameters<typeof launchGateway>) => GatewayProcess | Promise<GatewayProcess>;
  doctor?: typeof runDoctor;
  ready?: typeof isReady;
  version?: (packageDir: string) => Promise<string>;
};

type Running = {
  context: EngineContext;
  places: Places;
  version: string;
  gatewayToken: string;
  sessionKey: string;
  relay: Relay;
  supervisor: Supervisor;
};

/** Needs Node 24 (WebSocket, SQLite) and the npm package `openclaw`, both in `example/worker-image`. */
export function createOpenClawEngine(
  settings: OpenClawSettings,
  parts: OpenClawParts = {},
): Engine {
  const clock = parts.clock ?? systemClock;
  const random = parts.random ?? Math.random;
  const failedRuns = new Map<string, number>();
  let running: Running | null = null;
  /** A start that is stopped ends early, and leaves nothing behind. */
  const halt = new AbortController();
  let starting: Promise<void> | null = null;
  let session: (Session & { url: string }) | null = null;
  /** Ends the current run when the provider's refusal makes waiting pointless. */
  let giveUp: ((failure: ProviderFailure) => void) | null = null;

  const connect = async (signal: AbortSignal): Promise<Session | null> => {
    if (running === null) throw new Error("The openclaw engine was not started.");
    const gateway = await running.supervisor.ready(signal);
    if (gateway === null) return null;
    if (session?.client.isOpen() && session.url === gateway.url) return session;
    const client = await connectGateway({
      url: gateway.url.replace(/^http/, "ws"),
      token: running.gatewayToken,
      version: running.version,
      openSocket: parts.openSocket ?? nodeSocket,
      clock,
    });
    session = { client, url: gateway.url, readyAt: gateway.readyAt };
    return session;
  };

  const answer = async (turn: Turn) => {
    if (running === null) throw new Error("The openclaw engine was not started.");
    const { sessionKey, gatewayToken: token, supervisor, context, places } = running;
    const files = { workspace: places.workspace, clock, log: context.log };
    const message = await withAttachments(files, turn, turn.signal);
    if (settings.transport === "websocket") {
      const { thinking } = settings;
      return runTurn({ connect, sessionKey, thinking, clock, failedRuns }, turn, message);
    }
    const gateway = await supervisor.ready(turn.signal);
    if (gateway === null) throw new EngineError("Aborted.", { retryable: true });
    return runOverHttp({ url: gateway.url, token, sessionKey, clock }, turn, message);
  };

  const begin = async (context: EngineContext) => {
    if (parts.openSocket === undefined && typeof WebSocket === "undefined")
      throw new EngineBroken("The openclaw engine needs Node 24; this is an older one.");
    const { log, dataDir } = context;
    const places = placesIn(dataDir);
    const version = await (parts.version ?? installedVersion)(settings.packageDir);
    // Of a worker process that was killed on this machine: it would write on below us.
    await endStrays(places, log);
    const { stamp, migrate } = await takeOver(
      places.stateDir,
      version,
      sessionKeyOf(context.conversationId),
    );
    await prepareDirectories(settings, places);
    const onFailure = (failure: ProviderFailure) => giveUp?.(failure);
    const relay = await startRelay({ providers: settings.providers, log, onFailure });
    const gatewayToken = randomBytes(24).toString("hex");
    const configure = async (port: number) =>
      await writeConfig(
        settings,
        places,
        renderConfig(settings, {
          ...{ places, port, gatewayToken, relayUrl: relay.url, relayToken: relay.token },
        }),
      );
    const doctor = () => (parts.doctor ?? runDoctor)(settings, places, log, halt.signal);
    const supervisor = createSupervisor({
      launch: async () => {
        const port = await freePort();
        await configure(port);
        return (parts.launch ?? launchGateway)(settings, places, port, log);
      },
      isReady: parts.ready ?? isReady,
      repair: doctor,
      readyTimeoutMs: settings.readyTimeoutMs,
      ...{ clock, random, log },
    });
    const { sessionKey } = stamp;
    running = { context, places, version, gatewayToken, sessionKey, relay, supervisor };
    log.info("openclaw_starting", { version, migrate });
    if (migrate) {
      await configure(await freePort());
      await doctor();
    }
    if (halt.signal.aborted) return;
    supervisor.start();
    if ((await supervisor.ready(halt.signal)) !== null) await keepStamp(places.stateDir, stamp);
  };

  return {
    name: "openclaw",
    secrets: [
      ...settings.providers.map(({ apiKey }) => apiKey),
      ...Object.values(settings.forwarded),
    ],

    start: (context: EngineContext) => (starting = begin(context)),

    run: async (turn: Turn) => {
      if (running === null) throw new Error("The openclaw engine was not started.");
      const { relay } = running;
      relay.forget();
      const refused = new AbortController();
      giveUp = (failure) => {
        if (endsTheRun(failure)) refused.abort();
      };
      try {
        const signal = AbortSignal.any([turn.signal, refused.signal]);
        const end = await answer({ ...turn, signal });
        if (end.kind === "answered") {
          failedRuns.delete(turn.messageId);
          return { text: end.text, mediaUrls: end.mediaUrls };
        }
        const reason = end.kind === "failed" ? end.reason : "it is still at work";
        throw failureOf(reason, relay.lastFailure());
      } catch (error) {
        if (!refused.signal.aborted || turn.signal.aborted) throw error;
        throw failureOf("the provider refused", relay.lastFailure());
      } finally {
        giveUp = null;
      }
    },

    archive: (dataDir: string, entries: readonly Entry[], tempDir: string) =>
      archiveEntries(dataDir, entries, tempDir),

    stop: async () => {
      halt.abort();
      // What it throws was told to the caller of `start`.
      await starting?.catch(() => undefined);
      if (running === null) return;
      session?.client.close();
      await running.supervisor.stop();
      await running.relay.close();
    },
  };
}

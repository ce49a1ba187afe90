import { z } from "zod";
import type { LocalFlyControl } from "./control.js";
import { bodyText, type LocalRequest, type LocalResponse } from "./exchange.js";
import type { FaultRule } from "./faults.js";

const vEffect = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("status"),
    status: z.int(),
    json: z.unknown().optional(),
    html: z.string().exactOptional(),
    plain: z.string().exactOptional(),
    headers: z.record(z.string(), z.string()).exactOptional(),
  }),
  z.object({ kind: z.literal("reset") }),
  z.object({ kind: z.literal("truncateJson") }),
  z.object({
    kind: z.literal("omit"),
    from: z.int().nonnegative(),
    every: z.int().positive(),
  }),
  z.object({ kind: z.literal("wrongShape"), json: z.unknown().optional() }),
  z.object({ kind: z.literal("delay"), ms: z.number() }),
  z.object({ kind: z.literal("hang") }),
]);

const vFault: z.ZodType<FaultRule> = z.object({
  match: z
    .object({
      action: z.string().exactOptional(),
      method: z.string().exactOptional(),
      path: z.string().exactOptional(),
      machineId: z.string().exactOptional(),
      nth: z.int().exactOptional(),
      probability: z.number().exactOptional(),
    })
    .exactOptional(),
  times: z.int().exactOptional(),
  forMs: z.number().exactOptional(),
  phase: z.enum(["before", "after"]).exactOptional(),
  effect: vEffect,
});
const vExit = z.object({ id: z.string(), code: z.int() });
const vAdvance = z.object({ ms: z.number().nonnegative() });

/** The part of the control that another process may use, such as the demo's screen. */
export async function handleControl(
  control: LocalFlyControl,
  request: LocalRequest,
): Promise<LocalResponse> {
  try {
    const result = await run(control, `${request.method} ${new URL(request.url).pathname}`, () =>
      JSON.parse(bodyText(request.body) || "{}"),
    );
    if (result === undefined) return reply(404, { error: "unknown control" });
    return reply(200, result);
  } catch (error) {
    return reply(400, { error: error instanceof Error ? error.message : "bad request" });
  }
}

async function run(control: LocalFlyControl, route: string, body: () => unknown): Promise<unknown> {
  switch (route) {
    case "GET /_fake/bill":
      return control.bill();
    case "GET /_fake/machines":
      return control.machines();
    case "GET /_fake/volumes":
      return control.volumes();
    case "POST /_fake/fault":
      control.fault(vFault.parse(body()));
      return { ok: true };
    case "POST /_fake/clearFaults":
      control.clearFaults();
      return { ok: true };
    case "POST /_fake/exit": {
      const { id, code } = vExit.parse(body());
      control.exit(id, code);
      return { ok: true };
    }
    case "POST /_fake/advance":
      await control.advance(vAdvance.parse(body()).ms);
      return { ok: true };
    default:
      return undefined;
  }
}

function reply(status: number, json: unknown): LocalResponse {
  const headers = { "content-type": "application/json; charset=utf-8" };
  return { status, headers, body: `${JSON.stringify(json)}\n` };
}

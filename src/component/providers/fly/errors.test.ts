import { describe, expect, test } from "vitest";
import { classifyFlyAnswer, parseRetryAfter, type FlyFailedAnswer } from "./errors.js";

const NOW = Date.UTC(2026, 7, 14, 9, 57, 5);

type Row = {
  what: string;
  code: number;
  error?: string;
  fields?: Record<string, unknown>;
  raw?: string;
  method?: FlyFailedAnswer["method"];
  subject?: FlyFailedAnswer["subject"];
  is: Record<string, unknown>;
};

const rows: Row[] = [
  {
    what: "a bad wait",
    code: 400,
    error:
      "invalid_argument: invalid WaitMachineRequest.Timeout: value must be inside range [1s, 1m0s]",
    is: { kind: "invalid" },
  },
  {
    what: "a bad body",
    code: 400,
    error: "json: cannot unmarshal array into Go value of type main.stopRequest",
    is: { kind: "invalid" },
  },
  {
    what: "an image tag that is not there",
    code: 400,
    error: "failed to get manifest registry.fly.io/a:b: ... [http 404] ... MANIFEST_UNKNOWN",
    is: { kind: "imageMissing" },
  },
  {
    what: "no room for a volume, older form",
    code: 400,
    error: "no capacity",
    is: { kind: "capacity", scope: "region" },
  },
  {
    what: "a create on a deleted volume",
    code: 400,
    error: "volume not found",
    is: { kind: "notFound" },
  },
  {
    what: "a create on a volume that vanished, as 412",
    code: 412,
    error: "failed_precondition: volume vol_1 not found",
    is: { kind: "notFound" },
  },
  {
    what: "a bad token",
    code: 401,
    error: "Authenticate: token validation error",
    is: { kind: "auth" },
  },
  {
    what: "a bad token, message form",
    code: 401,
    raw: '{"message":"Unauthorized"}',
    is: { kind: "auth", text: "Unauthorized" },
  },
  { what: "a 401 without a body", code: 401, raw: "", is: { kind: "auth", text: "" } },
  {
    what: "another organisation's app",
    code: 403,
    error: "unauthorized",
    is: { kind: "forbidden" },
  },
  {
    what: "the quota of a region",
    code: 403,
    error:
      'organization "X" is using 9 MB of memory in dfw which is over the allowed quota. please consider other regions',
    is: { kind: "quota", scope: "region" },
  },
  {
    what: "an unknown machine",
    code: 404,
    subject: "machine",
    method: "GET",
    error: "not_found: machine not found",
    is: { kind: "notFound" },
  },
  {
    what: "an unknown volume",
    code: 404,
    subject: "volume",
    method: "DELETE",
    error: "not_found: volume not found",
    is: { kind: "notFound" },
  },
  {
    what: "a 404 about a volume when a machine was asked for",
    code: 404,
    subject: "machine",
    error: "not_found: volume not found",
    is: { kind: "malformed" },
  },
  {
    what: "an unknown app",
    code: 404,
    subject: "machine",
    error: 'Could not find App "x"',
    is: { kind: "appMissing" },
  },
  {
    what: "an unknown app whose name sounds like a machine",
    code: 404,
    subject: "machine",
    error: 'Could not find App "machine not found"',
    is: { kind: "appMissing" },
  },
  {
    what: "a wrong URL",
    code: 404,
    subject: "machine",
    raw: "404 page not found",
    is: { kind: "malformed" },
  },
  {
    what: "a plain-text 404 that sounds right",
    code: 404,
    subject: "machine",
    raw: "machine not found",
    is: { kind: "malformed" },
  },
  {
    what: "an HTML 404 that sounds right",
    code: 404,
    subject: "machine",
    raw: "<html>machine not found</html>",
    is: { kind: "malformed" },
  },
  {
    what: "a JSON 404 about nothing",
    code: 404,
    subject: "machine",
    error: "not found",
    is: { kind: "malformed" },
  },
  {
    what: "a JSON 404 that is a string",
    code: 404,
    subject: "machine",
    raw: '"machine not found"',
    is: { kind: "malformed" },
  },
  { what: "an empty 404", code: 404, subject: "machine", raw: "", is: { kind: "malformed" } },
  {
    what: "a wait that timed out",
    code: 408,
    method: "GET",
    error: "deadline_exceeded: machine failed to reach desired state, started, currently created",
    is: { kind: "transient", ambiguous: false },
  },
  {
    what: "an upstream timeout on a write",
    code: 408,
    error: "deadline_exceeded",
    is: { kind: "transient", ambiguous: true },
  },
  {
    what: "a taken name",
    code: 409,
    error:
      'already_exists: unique machine name violation, machine ID e784126fe16e98 already exists with name "w"',
    is: { kind: "nameConflict", machineId: "e784126fe16e98", ambiguous: false },
  },
  {
    what: "a lease",
    code: 409,
    error:
      "aborted: machine ID e784126fe16e98 lease currently held by abc@tokens.fly.io, expires at 2026-08-14T09:57:35Z",
    is: { kind: "leaseHeld", retryAfterMs: 30_000 },
  },
  {
    what: "a lease, in the lease endpoints' form",
    code: 409,
    raw: '{"status":"error","message":"machine ID e7 lease currently held by x, expires at 2026-08-14T10:57:35Z","code":"invalid"}',
    is: { kind: "leaseHeld", retryAfterMs: 120_000 },
  },
  {
    what: "two writers",
    code: 409,
    error: "aborted: machine update failed due to concurrent update",
    is: { kind: "precondition" },
  },
  ...["insufficient memory", "insufficient CPUs", "insufficient IPs"].map((lack): Row => ({
    what: `a full host: ${lack}`,
    code: 409,
    error: `aborted: could not reserve resource for machine: ${lack} available to fulfill request on the current host`,
    is: { kind: "capacity", scope: "host" },
  })),
  {
    what: "no host with enough memory",
    code: 409,
    error:
      "aborted: insufficient resources available to fulfill request: insufficient memory available to fulfill request",
    is: { kind: "capacity", scope: "host" },
  },
  {
    what: "no room for a volume",
    code: 409,
    error: "aborted: no capacity",
    is: { kind: "capacity", scope: "region" },
  },
  {
    what: "no room, but the status says otherwise",
    code: 409,
    error: "aborted: no capacity",
    fields: { status: "unknown" },
    is: { kind: "precondition" },
  },
  {
    what: "a platform brake",
    code: 409,
    error: "governor policy blocked start",
    is: { kind: "transient", ambiguous: false },
  },
  {
    what: "a closed host",
    code: 409,
    error: "deploys to this host are temporarily disabled",
    is: { kind: "transient", ambiguous: false },
  },
  {
    what: "a destroy too early",
    code: 412,
    method: "DELETE",
    subject: "machine",
    error: "failed_precondition: unable to destroy machine, not currently stopped or suspended",
    is: { kind: "precondition" },
  },
  {
    what: "a bound volume",
    code: 412,
    method: "DELETE",
    subject: "volume",
    error: "failed_precondition: volume is currently bound to machine: e784126fe16e98",
    is: { kind: "volumeBound" },
  },
  {
    what: "a claimed volume",
    code: 412,
    error: "failed_precondition: volume already claimed by machine \0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    is: { kind: "volumeBound" },
  },
  {
    what: "the full host of a volume, by text",
    code: 412,
    error: "insufficient resources to create new machine with existing volume id 'vol_1'",
    is: { kind: "capacity", scope: "host" },
  },
  {
    what: "the full host of a volume, by status",
    code: 412,
    error: "whatever",
    fields: { status: "volume_placement_capacity" },
    is: { kind: "capacity", scope: "host" },
  },
  {
    what: "a start too early",
    code: 412,
    error: "failed_precondition: machine still active, refusing to start",
    is: { kind: "precondition" },
  },
  {
    what: "a double snapshot",
    code: 412,
    error: "snapshot is already scheduled at 1",
    is: { kind: "precondition" },
  },
  {
    what: "a full region, by text",
    code: 422,
    error: "could not find a candidate host",
    is: { kind: "capacity", scope: "region" },
  },
  {
    what: "a full region, by status",
    code: 422,
    error: "could not find a candidate host",
    fields: { status: "insufficient_capacity" },
    is: { kind: "capacity", scope: "region" },
  },
  {
    what: "a full region, as a 503",
    code: 503,
    error: "out of capacity",
    fields: { status: "insufficient_capacity" },
    is: { kind: "capacity", scope: "region", ambiguous: false },
  },
  {
    what: "a 503 that only sounds like a full region",
    code: 503,
    error: "out of capacity",
    is: { kind: "transient", ambiguous: true },
  },
  {
    what: "a status that we do not know",
    code: 422,
    error: "could not find a candidate host",
    fields: { status: "something_new" },
    is: { kind: "invalid" },
  },
  {
    what: "a status that is no word of ours but of every object",
    code: 422,
    error: "x",
    fields: { status: "constructor" },
    is: { kind: "invalid" },
  },
  {
    what: "a taken app name",
    code: 422,
    error: "Validation failed: Name has already been taken",
    is: { kind: "nameConflict" },
  },
  {
    what: "a taken app name, by status",
    code: 422,
    error: "x",
    fields: { status: "name_taken" },
    is: { kind: "nameConflict" },
  },
  {
    what: "a bad app name",
    code: 422,
    error: "Validation failed: Name under 63 chars using numbers, lowercase letters and dashes",
    is: { kind: "invalid" },
  },
  {
    what: "the machine limit",
    code: 422,
    error: "Your organization has reached its machine limit. Please contact billing@fly.io",
    is: { kind: "quota" },
  },
  {
    what: "a trial",
    code: 422,
    error: "To create more than 1 machine per app please add a payment method.",
    is: { kind: "quota" },
  },
  {
    what: "a rate limit",
    code: 429,
    error: "resource_exhausted: rate limit exceeded",
    is: { kind: "rateLimited", ambiguous: false },
  },
  {
    what: "a 500 whose text says not found",
    code: 500,
    subject: "machine",
    method: "DELETE",
    error: "internal server error: machine not found",
    is: { kind: "transient", ambiguous: true },
  },
  {
    what: "a 500 that talks of authorisation",
    code: 500,
    error: "unauthorized",
    is: { kind: "transient", ambiguous: true },
  },
  {
    what: "a 502 page",
    code: 502,
    raw: "<html>Bad Gateway</html>",
    is: { kind: "transient", ambiguous: true },
  },
  {
    what: "a 502 on a read",
    code: 502,
    method: "GET",
    raw: "",
    is: { kind: "transient", ambiguous: false },
  },
  { what: "a redirect", code: 301, raw: "", is: { kind: "malformed", ambiguous: false } },
  { what: "a code that we do not know", code: 418, raw: "", is: { kind: "invalid" } },
  {
    what: "a 410",
    code: 410,
    subject: "machine",
    error: "machine not found",
    is: { kind: "invalid" },
  },
  {
    what: "an error that is no text",
    code: 409,
    raw: '{"error":{"a":1},"status":7}',
    is: { kind: "precondition", text: "" },
  },
];

describe("classifyFlyAnswer", () => {
  test.each(rows)("$what ($code)", (row) => {
    const body = row.raw ?? JSON.stringify({ error: row.error, ...row.fields });
    const { code: status, method = "POST", subject = "app" } = row;
    const failure = classifyFlyAnswer({ method, subject, status, body, retryAfter: null }, NOW);
    expect(failure).toMatchObject(row.is);
    for (const optional of ["scope", "machineId", "retryAfterMs"]) {
      if (!(optional in row.is)) expect(failure).not.toHaveProperty(optional);
    }
  });

  test("Retry-After is read for rate limits and failures of the server, not for refusals", () => {
    const read = (status: number) =>
      classifyFlyAnswer({ method: "GET", subject: "app", status, body: "", retryAfter: "7" }, NOW);
    expect(read(429).retryAfterMs).toBe(7_000);
    expect(read(503).retryAfterMs).toBe(7_000);
    expect(read(403)).not.toHaveProperty("retryAfterMs");
  });
});

describe("parseRetryAfter", () => {
  test.each([
    ["0", 0],
    ["1", 1_000],
    ["1.5", 1_500],
    [" 3 ", 3_000],
    ["86400", 3_600_000],
    ["9".repeat(400), 3_600_000],
    ["Fri, 14 Aug 2026 09:57:35 GMT", 30_000],
    ["Fri, 14 Aug 2026 09:00:00 GMT", 0],
    ["Sat, 14 Aug 2027 09:00:00 GMT", 3_600_000],
    ["Fri, 99 Aug 2026 09:00:00 GMT", undefined],
    ["soon", undefined],
    ["try again in 5", undefined],
    ["-5", undefined],
    ["", undefined],
    [null, undefined],
  ])("%j is %j ms", (header, ms) => {
    expect(parseRetryAfter(header, NOW)).toBe(ms);
  });
});

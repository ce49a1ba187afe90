/** Types that apps rely on; a broken one fails the type check, not the run. */
import type { Auth, FunctionArgs, FunctionReturnType } from "convex/server";
import { expectTypeOf, test } from "vitest";
import type { api } from "./consumer/app.fixture.js";
import type {
  AuthCallback,
  ExposedFunctionName,
  Operation,
  RegisterRoutesOptions,
} from "./index.js";

type Ctx303 = { auth: Auth };
type Operation303 =
  { type: "read" } | { type: "write"; conversationId?: string; agentKey?: string };

test("auth callbacks of 3.x fit", () => {
  type Callback303 = (ctx: Ctx303, operation: Operation303) => Promise<string>;
  expectTypeOf<Callback303>().toExtend<AuthCallback>();
  type Narrow = (ctx: Ctx303, operation: { type: "read" | "write" }) => Promise<string>;
  expectTypeOf<Narrow>().toExtend<AuthCallback>();
  expectTypeOf<(ctx: Ctx303) => Promise<string>>().toExtend<AuthCallback>();
});

test("auth callbacks that answer with something else do not", () => {
  expectTypeOf<(ctx: Ctx303) => Promise<string | null>>().not.toExtend<AuthCallback>();
});

test("an operation is told apart by its type", () => {
  expectTypeOf<Operation>().toExtend<Operation303>();
  expectTypeOf<Operation["type"]>().toEqualTypeOf<"read" | "write">();
  expectTypeOf<"enqueue">().toExtend<ExposedFunctionName>();
  expectTypeOf<"plaintextValue">().not.toExtend<keyof Operation["args"]>();
});

test("the references that an app generates are typed, arguments and results", () => {
  type Enqueue = (typeof api)["agentFactory"]["enqueue"];
  expectTypeOf<FunctionArgs<Enqueue>["conversationId"]>().toEqualTypeOf<string>();
  expectTypeOf<FunctionArgs<Enqueue>["priority"]>().toEqualTypeOf<number | undefined>();
  expectTypeOf<FunctionReturnType<Enqueue>>().toEqualTypeOf<string>();
  type Claim = (typeof api)["agentFactory"]["workerClaim"];
  expectTypeOf<NonNullable<FunctionReturnType<Claim>>["leaseId"]>().toEqualTypeOf<string>();
  type Stats = (typeof api)["agentFactory"]["queueStats"];
  expectTypeOf<FunctionArgs<Stats>>().toEqualTypeOf<Record<never, never>>();
});

test("agent resolvers of 3.x fit", () => {
  type Resolver = NonNullable<RegisterRoutesOptions["resolveAgentKey"]>;
  type Resolver303 = (update: { message?: { chat?: { id?: number } } }) => string | null;
  expectTypeOf<Resolver303>().toExtend<Resolver>();
  expectTypeOf<() => Promise<undefined>>().toExtend<Resolver>();
});

/**
 * One exposed function, described once: `exposeApi` registers it behind `auth`, `exposeOperatorApi` as internal.
 * The key under which a definition stands is its public name.
 */
import type {
  FunctionVisibility,
  GenericActionCtx,
  GenericDataModel,
  GenericMutationCtx,
  GenericQueryCtx,
  RegisteredAction,
  RegisteredMutation,
  RegisteredQuery,
} from "convex/server";
import type { GenericValidator, Infer, ObjectType, PropertyValidators } from "convex/values";
import type { ComponentApi } from "../component/_generated/component.js";
import type { Sensitivity } from "./types.js";

/** The component's public functions. */
export type Lib = ComponentApi["lib"];

type CtxOf = {
  query: Pick<GenericQueryCtx<GenericDataModel>, "runQuery">;
  mutation: Pick<GenericMutationCtx<GenericDataModel>, "runQuery" | "runMutation">;
  action: Pick<GenericActionCtx<GenericDataModel>, "runQuery" | "runMutation" | "runAction">;
};
/** How Convex runs a function. */
export type Kind = keyof CtxOf;

/** A function of the API before it is registered. */
export type Definition<
  K extends Kind,
  Args extends PropertyValidators,
  Returns extends GenericValidator,
> = {
  kind: K;
  /** Whether it changes anything, here or at the provider. */
  type: "read" | "write";
  sensitivity: Sensitivity;
  args: Args;
  returns: Returns;
  /** The deployment itself (a cron, a scheduled function) may call it; then there is no user to ask about. */
  deploymentMayCall: boolean;
  /** True for arguments that only an operator may choose, whoever the function is for. */
  needsOperator(args: ObjectType<Args>): boolean;
  /** `caller` is what `auth` returned; null when nobody was asked. */
  handler(
    ctx: CtxOf[K],
    args: ObjectType<Args>,
    caller: string | null,
  ): Promise<Infer<NoInfer<Returns>>>;
};

/** Any definition. */
export type AnyDefinition = {
  [K in Kind]: Definition<K, PropertyValidators, GenericValidator>;
}[Kind];
/** Definitions by public name. */
export type Definitions = Record<string, AnyDefinition>;

type Spec<K extends Kind, Args extends PropertyValidators, Returns extends GenericValidator> = Pick<
  Definition<K, Args, Returns>,
  "sensitivity" | "args" | "returns" | "handler"
> &
  Partial<Pick<Definition<K, Args, Returns>, "deploymentMayCall" | "needsOperator">>;

function define<K extends Kind, Args extends PropertyValidators, Returns extends GenericValidator>(
  kind: K,
  type: "read" | "write",
  spec: Spec<K, Args, Returns>,
): Definition<K, Args, Returns> {
  return { deploymentMayCall: false, needsOperator: () => false, ...spec, kind, type };
}

/** A query: always a read. */
export function query<Args extends PropertyValidators, Returns extends GenericValidator>(
  spec: Spec<"query", Args, Returns>,
): Definition<"query", Args, Returns> {
  return define("query", "read", spec);
}

/** A mutation: always a write. */
export function mutation<Args extends PropertyValidators, Returns extends GenericValidator>(
  spec: Spec<"mutation", Args, Returns>,
): Definition<"mutation", Args, Returns> {
  return define("mutation", "write", spec);
}

/** An action: a write, unless it says that it only looks. */
export function action<Args extends PropertyValidators, Returns extends GenericValidator>(
  spec: Spec<"action", Args, Returns> & { type?: "read" | "write" },
): Definition<"action", Args, Returns> {
  const { type = "write", ...rest } = spec;
  return define("action", type, rest);
}

type Registered<K extends Kind, V extends FunctionVisibility, Args, Returns> = K extends "query"
  ? RegisteredQuery<V, Extract<Args, Record<string, unknown>>, Promise<Returns>>
  : K extends "mutation"
    ? RegisteredMutation<V, Extract<Args, Record<string, unknown>>, Promise<Returns>>
    : RegisteredAction<V, Extract<Args, Record<string, unknown>>, Promise<Returns>>;

/** What an app exports: one registered function for each definition, under the same name. */
export type Exposed<D, V extends FunctionVisibility> = {
  [Name in keyof D]: D[Name] extends AnyDefinition
    ? Registered<D[Name]["kind"], V, ObjectType<D[Name]["args"]>, Infer<D[Name]["returns"]>>
    : never;
};

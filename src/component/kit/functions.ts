/** The builders and context types of the component; rooms import them from here only. */
export {
  action,
  env,
  internalAction,
  internalMutation,
  internalQuery,
  mutation,
  query,
} from "../_generated/server.js";
export type { ActionCtx, MutationCtx, QueryCtx } from "../_generated/server.js";
export type { Doc, Id } from "../_generated/dataModel.js";

/** Changes to a row: undefined removes an optional field. */
export type Patch<T> = {
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type -- the usual test for an optional key
  [K in keyof T]?: {} extends Pick<T, K> ? T[K] | undefined : T[K];
};

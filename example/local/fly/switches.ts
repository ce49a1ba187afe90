/**
 * Behaviour of the real service that is unknown, or that has been seen in more than one form. A test
 * of a client can run under each setting.
 */
export interface Switches {
  /** A macaroon under `Bearer` is refused. */
  requireFlyV1ForMacaroon: boolean;
  /** What a token meets at an app that it is not for. */
  otherAppStatus: 403 | 404;
  /** A machine in `destroying` still owns its name. */
  destroyingHoldsName: boolean;
  /** A DELETE without force is accepted in `created` as well. */
  destroyFromCreated: boolean;
  /** What DELETE answers while the machine is in `destroying`. */
  destroyWhileDestroying: 200 | 409 | 412;
  /** What DELETE answers for a volume that is already dying. */
  deleteDyingVolume: 200 | 404;
  /** "already claimed by machine" comes with NUL characters instead of the id. */
  claimedByNul: boolean;
  /** `wait` answers only `{"ok":true}`. */
  terseWait: boolean;
  /** `wait` for `destroyed` ends while a GET still says `destroying`. */
  destroyedEarly: boolean;
  /** An empty list is `null`. */
  nullList: boolean;
  /** How long after its creation a machine answers 404 and is missing from lists. */
  readLagMs: number;
  /** How far behind the states in lists are. */
  listLagMs: number;
  /** How long the list still shows a deleted volume as `created`. */
  volumeListLagMs: number;
}

export const DEFAULT_SWITCHES: Switches = {
  requireFlyV1ForMacaroon: false,
  otherAppStatus: 403,
  destroyingHoldsName: true,
  destroyFromCreated: true,
  destroyWhileDestroying: 200,
  deleteDyingVolume: 200,
  claimedByNul: false,
  terseWait: false,
  destroyedEarly: false,
  nullList: false,
  readLagMs: 0,
  listLagMs: 0,
  volumeListLagMs: 0,
};

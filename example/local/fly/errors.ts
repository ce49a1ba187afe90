/** An answer other than success, in the words of the real API. */
export class FlyError extends Error {
  constructor(
    readonly httpStatus: number,
    message: string,
    readonly code?: string,
    readonly headers: Record<string, string> = {},
  ) {
    super(message);
    this.name = "FlyError";
  }
}

const NOT_STOPPED = "unable to destroy machine, not currently stopped or suspended";

export const errors = {
  unauthenticated: () =>
    new FlyError(401, "Authenticate: token validation error", undefined, {
      "www-authenticate": 'Basic realm="api.machines.dev"',
    }),
  unauthorized: () => new FlyError(403, "unauthorized"),
  appNotFound: (app: string) => new FlyError(404, `Could not find App "${app}"`),
  machineNotFound: () => new FlyError(404, "not_found: machine not found"),
  volumeGone: () => new FlyError(404, "not_found: volume not found"),
  invalid: (text: string) => new FlyError(400, `invalid_argument: ${text}`),
  wrongJsonType: (type: string, target: string) =>
    new FlyError(400, `json: cannot unmarshal ${type} into Go value of type ${target}`),
  rateLimited: (headers: Record<string, string>) =>
    new FlyError(429, "resource_exhausted: rate limit exceeded", undefined, headers),
  nameConflict: (id: string, name: string) =>
    new FlyError(
      409,
      `already_exists: unique machine name violation, machine ID ${id} already exists with name "${name}"`,
    ),
  imageMissing: (image: string) =>
    new FlyError(
      400,
      `failed to get manifest ${image}: request failed: [http 404] {"errors":[{"code":"MANIFEST_UNKNOWN"}]}`,
    ),
  invalidGuest: (text: string) => new FlyError(422, `invalid_argument: invalid guest: ${text}`),
  volumeNotFound: () => new FlyError(400, "volume not found"),
  volumeClaimed: (id: string) =>
    new FlyError(412, `failed_precondition: volume already claimed by machine ${id}`),
  volumeBound: (id: string) =>
    new FlyError(412, `failed_precondition: volume is currently bound to machine: ${id}`),
  notStopped: () => new FlyError(412, `failed_precondition: ${NOT_STOPPED}`),
  stillActive: () =>
    new FlyError(412, "failed_precondition: machine still active, refusing to start"),
  wrongState: (verb: string, state: string) =>
    new FlyError(
      412,
      `failed_precondition: unable to ${verb} machine from current state: '${state}'`,
    ),
  waitTimedOut: (wanted: string, state: string) =>
    new FlyError(
      408,
      `deadline_exceeded: machine failed to reach desired state, ${wanted}, currently ${state}`,
    ),
  waitRange: () =>
    new FlyError(
      400,
      "invalid_argument: invalid WaitMachineRequest.Timeout: value must be inside range [1s, 1m0s]",
    ),
};

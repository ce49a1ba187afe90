import { ok, type Call, type Reply } from "./call.js";
import { destroy } from "./lifecycle.js";
import { shortHash } from "./random.js";
import { isDying } from "./types.js";
import { dissolve } from "./volumeRoutes.js";

export function getApp({ world, app }: Call): Reply {
  const machines = [...world.machines.values()].filter(
    ({ app: name, state }) => name === app.name && state !== "destroyed",
  );
  const volumes = [...world.volumes.values()].filter(
    ({ app: name, state }) => name === app.name && !isDying(state),
  );
  return ok({
    id: shortHash(app.name),
    internal_numeric_id: parseInt(shortHash(app.name), 16),
    name: app.name,
    status: "deployed",
    machine_count: machines.length,
    volume_count: volumes.length,
    network: "default",
    organization: { name: app.org, slug: app.org },
  });
}

/** Real, and never to be called by us: it takes everything in the app with it. */
export function deleteApp({ world, app }: Call): Reply {
  world.violations.add(`the whole app ${app.name} was deleted`);
  for (const machine of world.machines.values()) {
    if (machine.app !== app.name || ["destroying", "destroyed"].includes(machine.state)) continue;
    destroy(world, machine, "user");
  }
  for (const volume of world.volumes.values()) {
    if (volume.app === app.name && !isDying(volume.state)) dissolve(world, volume);
  }
  world.access.apps.delete(app.name);
  return ok({}, 202);
}

export function currentToken({ token }: Call): Reply {
  const apps = token.app === undefined ? [] : [token.app];
  const entry = { token_id: "local", org_slug: token.org, organization: token.org, apps };
  return ok({ tokens: [{ ...entry, user: "local", restricted_to_machine: null }] });
}

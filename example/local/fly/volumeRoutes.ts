import { parseBody, vCreateVolume } from "./bodies.js";
import { ok, type Call, type Reply } from "./call.js";
import { errors, FlyError } from "./errors.js";
import { chargeVolume, newUsage } from "./meter.js";
import { chooseRegion } from "./regions.js";
import { isDying, type Volume } from "./types.js";
import { listedVolume, volumeView } from "./views.js";
import type { World } from "./world.js";

export function createVolume(call: Call): Reply {
  const { world, app, request } = call;
  const body = parseBody(request, vCreateVolume, "main.createVolumeRequest");
  if (!/^[a-z0-9_]{1,30}$/.test(body.name)) {
    throw new FlyError(
      422,
      "Validation failed: Name must be 1 to 30 lowercase letters, digits or underscores",
    );
  }
  const region = chooseRegion(world, body.region);
  world.capacity.take(region, "createVolume");
  const volume = addVolume(world, {
    app: app.name,
    name: body.name,
    region,
    sizeGb: body.size_gb,
    encrypted: body.encrypted,
    autoBackup: body.auto_backup_enabled,
    snapshotRetention: body.snapshot_retention,
    foreign: false,
  });
  return ok(volumeView(volume));
}

type NewVolume = Pick<
  Volume,
  | "app"
  | "name"
  | "region"
  | "sizeGb"
  | "encrypted"
  | "autoBackup"
  | "snapshotRetention"
  | "foreign"
>;

export function addVolume(world: World, given: NewVolume): Volume {
  const now = world.clock.now();
  const volume: Volume = {
    ...given,
    id: world.ids.volume(),
    state: "creating",
    zone: world.random.text("0123456789abcdef", 4),
    attachedMachineId: null,
    createdAt: now,
    deletedAt: null,
    gone: false,
    usage: newUsage(now),
  };
  world.volumes.set(volume.id, volume);
  const delay = world.delays.draw("volumeCreate", volume.region);
  if (delay === 0) volume.state = "created";
  else {
    world.timers.after(delay, () => {
      if (volume.state === "creating") volume.state = "created";
    });
  }
  return volume;
}

function findVolume({ world, app, params }: Call): Volume {
  const volume = world.volumes.get(params["volume"] ?? "");
  if (!volume || volume.app !== app.name || volume.gone) throw errors.volumeGone();
  return volume;
}

/** Dying volumes are listed too. */
export function listVolumes({ world, app }: Call): Reply {
  const found = [...world.volumes.values()].filter(
    (volume) => volume.app === app.name && !volume.gone,
  );
  if (found.length === 0 && world.switches.nullList) return ok(null);
  return ok(world.random.shuffle(found.map((volume) => listedVolume(world, volume))));
}

export function getVolume(call: Call): Reply {
  return ok(volumeView(findVolume(call)));
}

export function deleteVolume(call: Call): Reply {
  const { world } = call;
  const volume = findVolume(call);
  if (isDying(volume.state)) {
    if (world.switches.deleteDyingVolume === 404) throw errors.volumeGone();
    return ok(volumeView(volume));
  }
  if (volume.attachedMachineId !== null) throw errors.volumeBound(volume.attachedMachineId);
  dissolve(world, volume);
  return ok(volumeView(volume));
}

/** The way out: scheduling_destroy, pending_destroy, and a day later nothing. */
export function dissolve(world: World, volume: Volume): void {
  chargeVolume(world, volume);
  volume.state = "scheduling_destroy";
  volume.deletedAt = world.clock.now();
  world.onVolumeDying(volume.id);
  world.timers.after(world.delays.draw("volumeSchedule", volume.region), () => {
    volume.state = "pending_destroy";
    const retention = world.delays.draw("volumeRetention", volume.region);
    world.timers.after(retention, () => void (volume.gone = true));
  });
}

import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ManifestSkill } from "../../shared/skills/layout.js";
import { createSkillsDirectory } from "./directory.js";
import { nodeDisk, type Disk } from "./disk.js";
import { LOCK_FILE, lockFileOf, materialise } from "./materialise.js";
import { dyingDisk, skill, tempDir, tree } from "./skills.fixture.js";

let temp: Awaited<ReturnType<typeof tempDir>>;
beforeEach(async () => void (temp = await tempDir()));
afterEach(() => temp.dispose());

const filesOf = (one: ManifestSkill) =>
  Object.fromEntries(
    [...one.files]
      .sort((a, b) => (a.path < b.path ? -1 : 1))
      .map(({ path, content }) => [path, content]),
  );

async function bring(disk: Disk, dir: string, skills: ManifestSkill[]): Promise<void> {
  const directory = createSkillsDirectory(disk, dir);
  await directory.recover();
  await materialise(directory, { skills, refused: [] }, "keep");
  await directory.writeFile(LOCK_FILE, lockFileOf("v", skills));
}

test("a crash in or after any file-system change leaves every skill old or new, whole, and the next start ends it", async () => {
  const old = [await skill("updated"), await skill("removed")];
  const longer = [{ path: "assets/deep/note.txt", content: "note" }];
  const fresh = [await skill("updated", "2.0.0", longer), await skill("added")];
  const choices: Record<string, (ManifestSkill | null)[]> = {
    updated: [old[0]!, fresh[0]!],
    removed: [old[1]!, null],
    added: [null, fresh[1]!],
  };
  const seen = async (dir: string) =>
    await Promise.all(Object.keys(choices).map((name) => tree(join(dir, name))));
  const allowed = Object.values(choices).map((all) => all.map((one) => (one ? filesOf(one) : {})));

  const dieAt = async (at: number, how: "after" | "middle"): Promise<boolean> => {
    const root = join(temp.root, `${how}${at}`);
    const dir = join(root, "skills");
    await bring(nodeDisk, dir, old);
    const dying = dyingDisk(at, how);
    const died = await bring(dying, dir, fresh).then(
      () => false,
      () => true,
    );
    // Nobody may ever read a mix, not even before the next start.
    (await seen(dir)).forEach((state, i) => expect([{}, ...allowed[i]!]).toContainEqual(state));
    // The next start, without a manifest: old or new, never neither.
    await createSkillsDirectory(nodeDisk, dir).recover();
    (await seen(dir)).forEach((state, i) => expect(allowed[i]).toContainEqual(state));

    await bring(nodeDisk, dir, fresh);
    const wanted = fresh.flatMap((one) =>
      one.files.map(({ path, content }) => [`skills/${one.skillDirName}/${path}`, content]),
    );
    expect(await tree(root)).toEqual({
      ...Object.fromEntries(wanted),
      [`skills/${LOCK_FILE}`]: lockFileOf("v", fresh),
    });
    return died;
  };

  const rehearsal = dyingDisk(Number.POSITIVE_INFINITY, "after");
  await bring(nodeDisk, join(temp.root, "rehearsal"), old);
  await bring(rehearsal, join(temp.root, "rehearsal"), fresh);
  const points = Array.from({ length: rehearsal.changes() }, (_, i) => i + 1);
  expect(points.length).toBeGreaterThan(25);
  for (const how of ["after", "middle"] as const) {
    const deaths = await Promise.all(points.map(async (at) => await dieAt(at, how)));
    expect(deaths).toEqual(points.map(() => true));
  }
});

test("a crash during the recovery of a crash is recovered too", async () => {
  const [old, fresh] = [await skill("updated"), await skill("updated", "2.0.0")];
  // From the first rename on, where there is something to put back; a recovery makes at most three changes.
  for (let at = 10; at <= 16; at++)
    for (let again = 1; again <= 3; again++) {
      const dir = join(temp.root, `${at}-${again}`, "skills");
      await bring(nodeDisk, dir, [old]);
      await bring(dyingDisk(at, "after"), dir, [fresh]).catch(() => undefined);
      await createSkillsDirectory(dyingDisk(again, "middle"), dir)
        .recover()
        .catch(() => undefined);
      await createSkillsDirectory(nodeDisk, dir).recover();
      expect([filesOf(old), filesOf(fresh)]).toContainEqual(await tree(join(dir, "updated")));
    }
});

test("a write that fails without a crash leaves the old skill, and the next one goes on", async () => {
  const old = [await skill("a"), await skill("b")];
  const fresh = [await skill("a", "2.0.0"), await skill("b", "2.0.0")];
  const dir = join(temp.root, "skills");
  await bring(nodeDisk, dir, old);
  let failed = false;
  const full: Disk = {
    ...nodeDisk,
    rename: async (from, to) => {
      if (!failed && from.includes("/new/a")) {
        failed = true;
        throw new Error("ENOSPC");
      }
      await nodeDisk.rename(from, to);
    },
  };
  const directory = createSkillsDirectory(full, dir);
  const result = await materialise(directory, { skills: fresh, refused: [] }, "keep");
  expect(result.refused).toEqual([{ slug: "a", reason: "It could not be written: ENOSPC" }]);
  expect(result.loaded.map((one) => one.slug)).toEqual(["b"]);
  expect(await tree(join(dir, "a"))).toEqual(filesOf(old[0]!));
  expect(await tree(join(dir, "b"))).toEqual(filesOf(fresh[1]!));
});

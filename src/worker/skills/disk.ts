/** The file-system operations that skills need; tests replace them to crash between any two. */
import * as fs from "node:fs/promises";
import { orGone } from "../snapshot/entries.js";

export type DiskKind = "file" | "directory" | "other";

export interface Disk {
  /** Links are not followed; null when there is nothing. */
  kind(path: string): Promise<DiskKind | null>;
  /** Names in a directory; empty when there is none. */
  list(path: string): Promise<string[]>;
  /** null when there is no such file. */
  read(path: string): Promise<string | null>;
  makeDirectory(path: string): Promise<void>;
  /** A new file; one that exists is an error. */
  write(path: string, content: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** With everything below; nothing there is fine. */
  remove(path: string): Promise<void>;
}

export const nodeDisk: Disk = {
  kind: async (path) => {
    const stat = await orGone(fs.lstat(path));
    if (stat === null) return null;
    return stat.isDirectory() ? "directory" : stat.isFile() ? "file" : "other";
  },
  list: async (path) => ((await orGone(fs.readdir(path))) ?? []).sort(),
  read: async (path) => await orGone(fs.readFile(path, "utf8")),
  makeDirectory: async (path) => void (await fs.mkdir(path, { recursive: true })),
  write: async (path, content) => await fs.writeFile(path, content, { flag: "wx" }),
  rename: async (from, to) => await fs.rename(from, to),
  remove: async (path) => await fs.rm(path, { recursive: true, force: true }),
};

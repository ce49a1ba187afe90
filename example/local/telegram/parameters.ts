import { bodyText, type LocalRequest } from "../fly/exchange.js";
import { badRequest } from "./errors.js";

export interface Upload {
  bytes: Uint8Array<ArrayBuffer>;
  name: string;
  mimeType: string;
}

/** The arguments of a call, however they came: query, form, JSON or multipart. */
export class Parameters {
  readonly #values = new Map<string, unknown>();
  readonly #uploads = new Map<string, Upload>();

  static async read(request: LocalRequest): Promise<Parameters> {
    const parameters = new Parameters();
    const type = request.headers["content-type"] ?? "";
    for (const [name, value] of new URL(request.url).searchParams) parameters.set(name, value);
    if (request.body === undefined) return parameters;

    if (type.startsWith("multipart/form-data")) {
      const form = await new Response(request.body, {
        headers: { "content-type": type },
      }).formData();
      for (const [name, value] of form) {
        if (typeof value === "string") parameters.set(name, value);
        else {
          const bytes = new Uint8Array(await value.arrayBuffer());
          parameters.#uploads.set(name, { bytes, name: value.name, mimeType: value.type });
        }
      }
    } else if (type.startsWith("application/json")) {
      for (const [name, value] of Object.entries(parseObject(bodyText(request.body)))) {
        parameters.set(name, value);
      }
    } else {
      const form = new URLSearchParams(bodyText(request.body));
      for (const [name, value] of form) parameters.set(name, value);
    }
    return parameters;
  }

  set(name: string, value: unknown): void {
    this.#values.set(name, value);
  }

  /** The same uploads with other values. */
  with(values: Record<string, unknown>): Parameters {
    const other = new Parameters();
    for (const [name, value] of Object.entries(values)) other.set(name, value);
    for (const [name, upload] of this.#uploads) other.#uploads.set(name, upload);
    return other;
  }

  has(name: string): boolean {
    return this.#values.has(name) || this.#uploads.has(name);
  }

  text(name: string): string | undefined {
    const value = this.#values.get(name);
    if (value === undefined || value === null) return undefined;
    return typeof value === "string" ? value : JSON.stringify(value);
  }

  integer(name: string): number | undefined {
    const value = this.text(name);
    if (value === undefined || !/^-?\d{1,16}$/.test(value)) return undefined;
    return Number(value);
  }

  boolean(name: string): boolean {
    return ["true", "1", "yes"].includes(this.text(name)?.toLowerCase() ?? "");
  }

  /** A structure, given as such or as a string of JSON. */
  json(name: string): unknown {
    const value = this.#values.get(name);
    if (typeof value !== "string") return value ?? undefined;
    if (value === "") return undefined;
    try {
      return JSON.parse(value);
    } catch {
      throw badRequest(`can't parse ${name} JSON object`);
    }
  }

  /** A file sent along, under the parameter's own name or through `attach://<name>`. */
  upload(name: string): Upload | undefined {
    const attached = /^attach:\/\/(.+)$/.exec(this.text(name) ?? "")?.[1];
    return this.#uploads.get(attached ?? name);
  }
}

function parseObject(text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw badRequest("can't parse JSON object");
  }
  return value;
}

import { errors } from "./errors.js";
import type { Switches } from "./switches.js";

export interface App {
  name: string;
  org: string;
}

export interface Token {
  scope: "app" | "org" | "readonly" | "expired";
  org: string;
  app?: string;
}

/** Who may do what: the tokens and apps that the server knows. */
export class Access {
  readonly apps = new Map<string, App>();
  readonly #tokens = new Map<string, Token>();

  constructor(private readonly switches: Switches) {}

  /** Takes the token as it is printed, with or without the scheme in front. */
  addToken(value: string, token: Token): void {
    for (const part of split(value)) this.#tokens.set(part, token);
  }

  revokeToken(value: string): void {
    for (const part of split(value)) this.#tokens.delete(part);
  }

  tokenValues(): string[] {
    return [...this.#tokens.keys()];
  }

  authenticate(header: string | undefined): Token {
    const [, scheme = "", value = ""] = /^(Bearer|FlyV1)\s+(.+)$/i.exec(header ?? "") ?? [];
    const isMacaroon = /^fm\d[ar]?_/.test(value);
    if (isMacaroon && scheme.toLowerCase() === "bearer" && this.switches.requireFlyV1ForMacaroon) {
      throw errors.unauthenticated();
    }
    // A bundle is as good as its first token that is known; the others are discharges.
    for (const part of value.split(",")) {
      const token = this.#tokens.get(part.trim());
      if (token && token.scope !== "expired") return token;
    }
    throw errors.unauthenticated();
  }

  authorize(token: Token, appName: string, mutates: boolean): App {
    const app = this.apps.get(appName);
    if (!app) throw errors.appNotFound(appName);
    const otherOrg = app.org !== token.org;
    const otherApp = token.scope === "app" && token.app !== undefined && token.app !== appName;
    if ((otherOrg || otherApp) && this.switches.otherAppStatus === 404) {
      throw errors.appNotFound(appName);
    }
    const readOnly = mutates && token.scope === "readonly";
    if (otherOrg || otherApp || readOnly) throw errors.unauthorized();
    return app;
  }
}

function split(value: string): string[] {
  return value
    .trim()
    .replace(/^(Bearer|FlyV1)\s+/i, "")
    .split(",")
    .map((part) => part.trim());
}

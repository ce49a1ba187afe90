/** What the worker image installs, and `npm run test:openclaw` tests. */
export const OPENCLAW_VERSION = "2026.9.6";
export const NODE_VERSION = "24.21.0";
/** Of the image that 3.x ran: archives of it are still around. */
export const OLD_OPENCLAW_VERSION = "2026.3.8";

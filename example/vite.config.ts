import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** `npm run dev` serves the UI against the deployment whose address the Convex CLI wrote to .env.local. */
export default defineConfig({
  root: import.meta.dirname,
  envDir: new URL("..", import.meta.url).pathname,
  plugins: [react()],
  // One chunk for React and Convex is fine for a page served from the next room.
  build: { outDir: "dist", emptyOutDir: true, chunkSizeWarningLimit: 800 },
  logLevel: "warn",
});

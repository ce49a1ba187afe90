/** Hash routes: no server has to know them. */
import { lazy, useSyncExternalStore, type ComponentType } from "react";

export type Route = {
  path: string;
  title: string;
  for: "everybody" | "operators";
  page: ComponentType;
};

export const ROUTES: readonly Route[] = [
  {
    path: "chat",
    title: "Chat",
    for: "everybody",
    page: lazy(() => import("../pages/chat/ChatPage.js")),
  },
  {
    path: "fleet",
    title: "Fleet",
    for: "operators",
    page: lazy(() => import("../pages/fleet/FleetPage.js")),
  },
  {
    path: "queue",
    title: "Queue",
    for: "operators",
    page: lazy(() => import("../pages/queue/QueuePage.js")),
  },
  {
    path: "agents",
    title: "Agents & secrets",
    for: "operators",
    page: lazy(() => import("../pages/agents/AgentsPage.js")),
  },
  {
    path: "push",
    title: "Push",
    for: "everybody",
    page: lazy(() => import("../pages/push/PushPage.js")),
  },
  {
    path: "skills",
    title: "Skills",
    for: "operators",
    page: lazy(() => import("../pages/skills/SkillsPage.js")),
  },
  {
    path: "snapshots",
    title: "Snapshots",
    for: "everybody",
    page: lazy(() => import("../pages/snapshots/SnapshotsPage.js")),
  },
  {
    path: "cleanup",
    title: "Cleanup",
    for: "operators",
    page: lazy(() => import("../pages/cleanup/CleanupPage.js")),
  },
];

function subscribe(onChange: () => void): () => void {
  window.addEventListener("hashchange", onChange);
  return () => window.removeEventListener("hashchange", onChange);
}

/** The path after `#/`, or "". */
export function usePath(): string {
  return useSyncExternalStore(subscribe, () => window.location.hash.replace(/^#\/?/, ""));
}

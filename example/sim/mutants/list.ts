/**
 * Faults to plant in the component, each as a search and a replacement in one source file. The search must occur exactly
 * once: code that moves on takes its mutant along, or the list is out of date.
 */
export type Mutant = {
  name: string;
  /** Below src/. */
  file: string;
  find: string;
  replace: string;
  /** Tests that notice it when the simulator does not; below src/. */
  tests: readonly string[];
  /** Who is asked first. Left out: the simulator. */
  noticedBy?: "tests";
};

export const MUTANTS: readonly Mutant[] = [
  {
    name: "accept a stale lease",
    file: "component/queue/outcomes.ts",
    find: "    message.leaseId !== ref.leaseId ||\n",
    replace: "",
    tests: ["component/queue/outcomes.test.ts"],
    noticedBy: "tests",
  },
  {
    name: "accept the lease of another worker",
    file: "component/queue/outcomes.ts",
    find: "    message.leaseId !== ref.leaseId ||\n    message.claimedBy !== ref.workerId\n",
    replace: "    message.leaseId !== ref.leaseId\n",
    tests: ["component/queue/outcomes.test.ts"],
  },
  {
    name: "skip the attempt",
    file: "component/queue/machine.ts",
    find: "const attempts = delivery.attempts + 1;",
    replace: "const attempts = delivery.attempts;",
    tests: ["component/queue/machine.test.ts"],
  },
  {
    name: "count no deliveries",
    file: "component/queue/claiming.ts",
    find: "deliveries: (message.deliveries ?? 0) + 1,",
    replace: "deliveries: message.deliveries ?? 0,",
    tests: ["component/queue/claiming.test.ts"],
  },
  {
    name: "forgive a machine that died while it drained",
    file: "component/scheduler/plan.ts",
    find: 'no snapshot will come", true)',
    replace: 'no snapshot will come")',
    tests: ["component/scheduler/teardown.test.ts"],
    noticedBy: "tests",
  },
  {
    name: "book the end of a machine as the time of its discovery",
    file: "component/spend/ops.ts",
    find: "endMachine(row, stoppedAt ?? goneAt, goneAt, now)",
    replace: "endMachine(row, now, now, now)",
    tests: ["component/spend/ledger.test.ts"],
    noticedBy: "tests",
  },
  {
    name: "ignore the idempotency key",
    file: "component/queue/intake.ts",
    find: "if (seen?.messageId !== undefined && seen.expiresAt > now) return seen.messageId;",
    replace: "",
    tests: ["component/queue/intake.test.ts"],
  },
  {
    name: "forget the wake-up of an arrival",
    file: "component/queue/intake.ts",
    find: 'if (state === "ready" || state === "waiting") await requestPass',
    replace: 'if (state === "leased") await requestPass',
    tests: ["component/queue/intake.test.ts"],
  },
  {
    name: "forget the wake-up of a lease",
    file: "component/queue/claiming.ts",
    find: "  await requestPassApart(ctx, leaseExpiresAt + LEASE_WAKE_SLACK_MS, now);\n",
    replace: "",
    tests: ["component/queue/claiming.test.ts"],
    noticedBy: "tests",
  },
  {
    name: "never end an expired lease",
    file: "component/scheduler/reserve.ts",
    find: "    await expireLeases(ctx, now);\n",
    replace: "",
    tests: ["component/scheduler/prepare.test.ts"],
    noticedBy: "tests",
  },
  {
    name: "give a second lease while one is live",
    file: "component/queue/claiming.ts",
    find: "if (lock.leaseExpiresAt > now)",
    replace: "if (lock.leaseExpiresAt > now + 10 * 60_000)",
    tests: ["component/queue/claiming.test.ts"],
    noticedBy: "tests",
  },
  {
    name: "claim a conversation of another worker",
    file: "component/queue/claiming.ts",
    find: "if (owner === undefined || owner === workerId) return true;",
    replace: "if (owner !== '') return true;",
    tests: ["component/queue/claiming.test.ts"],
    noticedBy: "tests",
  },
  {
    name: "leave the lock behind",
    file: "component/queue/outcomes.ts",
    find: "settle(ctx, held.conversation, 0, { processingLock: undefined }, now);\n    // What",
    replace: "settle(ctx, held.conversation, 0, {}, now);\n    // What",
    tests: ["component/queue/outcomes.test.ts"],
  },
  {
    name: "let the last arrival go first",
    file: "component/queue/store.ts",
    find: 'q.eq("conversationId", conversationId).eq("status", "queued"),\n    )\n    .first();\n}\n\n/** The first rows',
    replace:
      'q.eq("conversationId", conversationId).eq("status", "queued"),\n    )\n    .order("desc")\n    .first();\n}\n\n/** The first rows',
    tests: ["component/queue/order.test.ts", "component/queue/claiming.test.ts"],
  },
  {
    name: "replace a stored answer",
    file: "component/queue/answers.ts",
    find: "  if (stored !== null) return toAnswerView(stored);\n",
    replace: "",
    tests: ["component/queue/answers.test.ts"],
  },
  {
    name: "send an interrupted part again",
    file: "component/queue/answers.ts",
    find: '? { state: "unknown", proceed: false, unknown: true }',
    replace: '? { state: "sending", proceed: true, unknown: true }',
    tests: ["component/queue/answers.test.ts"],
  },
  {
    name: "call a part unknown that nobody sent",
    file: "component/queue/answers.ts",
    find: 'return { state: "sending", proceed: true, unknown: false };',
    replace: 'return { state: "unknown", proceed: false, unknown: true };',
    tests: ["component/queue/answers.test.ts"],
  },
  {
    name: "charge a message that is handed back",
    file: "component/queue/machine.ts",
    find: 'return { kind: "retry", attempts: message.attempts, dueAt: now };',
    replace: 'return { kind: "retry", attempts: message.attempts + 1, dueAt: now };',
    tests: ["component/queue/machine.test.ts"],
  },
  {
    name: "keep final snapshots out of the chain",
    file: "component/snapshots/ops.ts",
    find: "const lineage = mayLead ? ",
    replace: 'const lineage = mayLead && row.reason === "manual" ? ',
    tests: ["component/snapshots/ops.test.ts"],
  },
  {
    name: "forget that a part was sent",
    file: "component/queue/answers.ts",
    find: 'if (part.state === "sent" || part.state === "unknown")\n    return',
    replace: 'if (part.state === "unknown")\n    return',
    tests: ["component/queue/answers.test.ts"],
    noticedBy: "tests",
  },
  {
    name: "reserve twice",
    file: "component/scheduler/reservations.ts",
    find: '  return [{ kind: "create", workerId }];\n',
    replace: `  const row = await loadWorker(ctx, workerId);
  if (row === null) return [];
  const { _id, _creationTime, ...fields } = row;
  const twin = \`\${workerId}-twin\`;
  const volumeName = workerVolumeName(providerConfig.volumeName, twin);
  await ctx.db.insert("workers", { ...fields, workerId: twin, machineName: twin, volumeName });
  return [{ kind: "create", workerId }, { kind: "create", workerId: twin }];
`,
    tests: ["component/scheduler/creating.test.ts"],
  },
  {
    name: "reserve without owning",
    file: "component/scheduler/reservations.ts",
    find: "    ownerWorkerId: workerId,\n",
    replace: "",
    tests: ["component/scheduler/creating.test.ts"],
  },
  {
    name: "ignore the cap",
    file: "component/scheduler/capacity.ts",
    find: "const room = Math.max(0, scaling.maxWorkers - liveCount);",
    replace: "const room = Math.max(0, scaling.maxWorkers + 1 - liveCount);",
    tests: ["component/scheduler/capacity.test.ts"],
  },
  {
    name: "forget the volume",
    file: "component/scheduler/teardown.ts",
    find: "      await provider.deleteVolume(volume.volumeId);\n",
    replace: "",
    tests: ["component/scheduler/teardown.test.ts"],
  },
  {
    name: "forget the machine",
    file: "component/scheduler/teardown.ts",
    find: 'if ((await provider.destroyMachine(machineId, { force: true })) === "gone")',
    replace: "if (machineId !== '')",
    tests: ["component/scheduler/teardown.test.ts"],
  },
  {
    name: "take absence for a proof",
    file: "component/scheduler/teardown.ts",
    find: "  return createdBy === undefined || createdBy + MACHINE_GRACE_MS <= now;",
    replace: "  return createdBy === undefined || createdBy <= now;",
    tests: ["component/scheduler/teardown.test.ts"],
    noticedBy: "tests",
  },
  {
    name: "drop the fence: let two passes plan",
    file: "component/scheduler/reserve.ts",
    find: "return state.passId === passId ? state : null;",
    replace: "return passId === '' ? null : state;",
    tests: ["component/scheduler/prepare.test.ts", "component/scheduler/faults.test.ts"],
    noticedBy: "tests",
  },
  {
    name: "drop the watchdog of a pass",
    file: "component/scheduler/loop.ts",
    find: "  await setWatchdog(ctx, state, PASS_LEASE_MS);\n",
    replace: "",
    tests: ["component/scheduler/faults.test.ts"],
  },
  {
    name: "adopt nothing",
    file: "component/scheduler/reservations.ts",
    find: "if (worker === null || worker.machineRef !== undefined || worker.appName === undefined) return;",
    replace: "if (worker !== null) return;",
    tests: ["component/scheduler/creating.test.ts"],
    noticedBy: "tests",
  },
  {
    name: "leave the conversation with a worker that goes",
    file: "component/workers/ops.ts",
    find: "  await releaseConversation(ctx, worker, now);\n",
    replace: "",
    tests: ["component/scheduler/handover.test.ts"],
  },
  {
    name: "skip a state of the lifecycle",
    file: "component/workers/machine.ts",
    find: '  active: ["draining"],',
    replace: '  active: ["draining", "stopping", "stopped"],',
    tests: ["component/workers/machine.test.ts"],
    noticedBy: "tests",
  },
  {
    name: "keep the tokens of a stopped worker",
    file: "component/workers/ops.ts",
    find: "  await revokeTokens(ctx, worker.workerId);\n  await closeMeter",
    replace: "  await closeMeter",
    tests: ["component/gateway/gateway.test.ts"],
  },
  {
    name: "store the token itself",
    file: "component/scheduler/creating.ts",
    find: "tokenHash: await sha256Hex(token),",
    replace: "tokenHash: token,",
    tests: ["component/scheduler/creating.test.ts"],
  },
  {
    name: "leave every upload beside the memory",
    file: "component/snapshots/lineage.ts",
    find: 'if (upload.parentSnapshotId === head._id || upload.workerId === head.workerId) return "main";\n  return "detached";',
    replace: 'return "detached";',
    tests: ["component/snapshots/lineage.test.ts"],
    noticedBy: "tests",
  },
  {
    name: "take the update once more",
    file: "component/telegram/messages.ts",
    find: 'if (row?.messageId !== undefined) return { kind: "accepted" };',
    replace: "",
    tests: ["client/routes/telegramContract.test.ts"],
  },
  {
    name: "deliver before the answer is stored",
    file: "worker/delivery/deliver.ts",
    find: "    const begun = await begin(options, index, known, number);\n    if (!begun.proceed) {",
    replace:
      "    last = await channel.send(part.text);\n    const begun = await begin(options, index, known, number);\n    if (!begun.proceed) {",
    tests: ["worker/run.test.ts", "worker/crash.test.ts"],
    noticedBy: "tests",
  },
  {
    name: "drop the budget check",
    file: "component/spend/ops.ts",
    find: "if (exhausted.length === 0) return null;",
    replace: "if (exhausted.length >= 0) return null;",
    tests: ["component/spend/budgets.test.ts"],
  },
  {
    name: "let workers run on when the money is gone",
    file: "component/scheduler/plan.ts",
    find: '  if (typeof worker.overBudget === "string") return drain("budget", worker.overBudget);\n',
    replace: "",
    tests: ["component/spend/budgets.test.ts"],
  },
  {
    name: "charge nothing",
    file: "component/spend/ledger.ts",
    find: 'await ctx.db.patch("spendBuckets", row._id, addUsage(usageOf(row), usage));',
    replace: 'await ctx.db.patch("spendBuckets", row._id, usageOf(row));',
    tests: ["component/spend/budgets.test.ts"],
  },
  {
    name: "watch no orphans",
    file: "component/scheduler/orphans.ts",
    find: "  return machines.ours\n",
    replace: "  return machines.ours\n    .slice(0, 0)\n",
    tests: ["component/scheduler/plan.test.ts", "component/scheduler/faults.test.ts"],
    noticedBy: "tests",
  },
  {
    name: "let every upload become the memory",
    file: "component/snapshots/lineage.ts",
    find: '  return "detached";\n',
    replace: '  return "main";\n',
    tests: ["component/snapshots/lineage.test.ts"],
  },
  {
    name: "leave a worker of 3.x without its conversation",
    file: "component/queue/adoption.ts",
    find: "  const owner = conversation.ownerWorkerId ?? (await findOwner(ctx, conversation));\n",
    replace: "  const owner = conversation.ownerWorkerId;\n",
    tests: ["component/upgrade/upgrade.test.ts"],
    noticedBy: "tests",
  },
];

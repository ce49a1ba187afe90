/* eslint-disable */
/**
 * Generated `api` utility.
 *
 * THIS CODE IS AUTOMATICALLY GENERATED.
 *
 * To regenerate, run `npx convex dev`.
 * @module
 */

import type * as agents_ops from "../agents/ops.js";
import type * as agents_policy from "../agents/policy.js";
import type * as agents_store from "../agents/store.js";
import type * as agents_validators from "../agents/validators.js";
import type * as config from "../config.js";
import type * as conversations_moving from "../conversations/moving.js";
import type * as conversations_ops from "../conversations/ops.js";
import type * as conversations_transcript from "../conversations/transcript.js";
import type * as conversations_validators from "../conversations/validators.js";
import type * as crons from "../crons.js";
import type * as gateway_access from "../gateway/access.js";
import type * as gateway_calls from "../gateway/calls.js";
import type * as gateway_memoryVerbs from "../gateway/memoryVerbs.js";
import type * as gateway_protocol from "../gateway/protocol.js";
import type * as gateway_verbs from "../gateway/verbs.js";
import type * as hydration_bundle from "../hydration/bundle.js";
import type * as hydration_ops from "../hydration/ops.js";
import type * as hydration_validators from "../hydration/validators.js";
import type * as identity_bindings from "../identity/bindings.js";
import type * as identity_bots from "../identity/bots.js";
import type * as identity_machine from "../identity/machine.js";
import type * as identity_ops from "../identity/ops.js";
import type * as identity_pairing from "../identity/pairing.js";
import type * as identity_policy from "../identity/policy.js";
import type * as identity_readiness from "../identity/readiness.js";
import type * as identity_softReset from "../identity/softReset.js";
import type * as identity_store from "../identity/store.js";
import type * as identity_validators from "../identity/validators.js";
import type * as identity_views from "../identity/views.js";
import type * as kit_functions from "../kit/functions.js";
import type * as kit_logging from "../kit/logging.js";
import type * as kit_random from "../kit/random.js";
import type * as kit_wake from "../kit/wake.js";
import type * as lib from "../lib.js";
import type * as messageTemplates_ops from "../messageTemplates/ops.js";
import type * as messageTemplates_policy from "../messageTemplates/policy.js";
import type * as messageTemplates_validators from "../messageTemplates/validators.js";
import type * as providers_fly_api from "../providers/fly/api.js";
import type * as providers_fly_auth from "../providers/fly/auth.js";
import type * as providers_fly_client from "../providers/fly/client.js";
import type * as providers_fly_create from "../providers/fly/create.js";
import type * as providers_fly_deleteVolume from "../providers/fly/deleteVolume.js";
import type * as providers_fly_errors from "../providers/fly/errors.js";
import type * as providers_fly_fly from "../providers/fly/fly.js";
import type * as providers_fly_governor from "../providers/fly/governor.js";
import type * as providers_fly_http from "../providers/fly/http.js";
import type * as providers_fly_machines from "../providers/fly/machines.js";
import type * as providers_fly_naming from "../providers/fly/naming.js";
import type * as providers_fly_retry from "../providers/fly/retry.js";
import type * as providers_fly_schemas from "../providers/fly/schemas.js";
import type * as providers_ops from "../providers/ops.js";
import type * as providers_provider from "../providers/provider.js";
import type * as providers_validators from "../providers/validators.js";
import type * as push_broadcaster from "../push/broadcaster.js";
import type * as push_broadcasting from "../push/broadcasting.js";
import type * as push_counting from "../push/counting.js";
import type * as push_dispatcher from "../push/dispatcher.js";
import type * as push_dispatching from "../push/dispatching.js";
import type * as push_jobs from "../push/jobs.js";
import type * as push_listings from "../push/listings.js";
import type * as push_ops from "../push/ops.js";
import type * as push_schedule from "../push/schedule.js";
import type * as push_store from "../push/store.js";
import type * as push_templates from "../push/templates.js";
import type * as push_texts from "../push/texts.js";
import type * as push_validators from "../push/validators.js";
import type * as push_wake from "../push/wake.js";
import type * as queue_answers from "../queue/answers.js";
import type * as queue_candidates from "../queue/candidates.js";
import type * as queue_claiming from "../queue/claiming.js";
import type * as queue_clock from "../queue/clock.js";
import type * as queue_deadLetters from "../queue/deadLetters.js";
import type * as queue_ingress from "../queue/ingress.js";
import type * as queue_intake from "../queue/intake.js";
import type * as queue_invariants from "../queue/invariants.js";
import type * as queue_leases from "../queue/leases.js";
import type * as queue_listings from "../queue/listings.js";
import type * as queue_machine from "../queue/machine.js";
import type * as queue_media from "../queue/media.js";
import type * as queue_ops from "../queue/ops.js";
import type * as queue_order from "../queue/order.js";
import type * as queue_outcomes from "../queue/outcomes.js";
import type * as queue_pausing from "../queue/pausing.js";
import type * as queue_payload from "../queue/payload.js";
import type * as queue_retry from "../queue/retry.js";
import type * as queue_revising from "../queue/revising.js";
import type * as queue_store from "../queue/store.js";
import type * as queue_takeover from "../queue/takeover.js";
import type * as queue_validators from "../queue/validators.js";
import type * as retention_sweeper from "../retention/sweeper.js";
import type * as scheduler_backoff from "../scheduler/backoff.js";
import type * as scheduler_capacity from "../scheduler/capacity.js";
import type * as scheduler_creating from "../scheduler/creating.js";
import type * as scheduler_effects from "../scheduler/effects.js";
import type * as scheduler_environment from "../scheduler/environment.js";
import type * as scheduler_facts from "../scheduler/facts.js";
import type * as scheduler_loop from "../scheduler/loop.js";
import type * as scheduler_ops from "../scheduler/ops.js";
import type * as scheduler_orphans from "../scheduler/orphans.js";
import type * as scheduler_pass from "../scheduler/pass.js";
import type * as scheduler_plan from "../scheduler/plan.js";
import type * as scheduler_probe from "../scheduler/probe.js";
import type * as scheduler_proofs from "../scheduler/proofs.js";
import type * as scheduler_records from "../scheduler/records.js";
import type * as scheduler_reservations from "../scheduler/reservations.js";
import type * as scheduler_reserve from "../scheduler/reserve.js";
import type * as scheduler_setup from "../scheduler/setup.js";
import type * as scheduler_start from "../scheduler/start.js";
import type * as scheduler_teardown from "../scheduler/teardown.js";
import type * as scheduler_validators from "../scheduler/validators.js";
import type * as scheduler_wakeups from "../scheduler/wakeups.js";
import type * as scheduler_world from "../scheduler/world.js";
import type * as secrets_base64 from "../secrets/base64.js";
import type * as secrets_envelope from "../secrets/envelope.js";
import type * as secrets_keyring from "../secrets/keyring.js";
import type * as secrets_legacy from "../secrets/legacy.js";
import type * as secrets_ops from "../secrets/ops.js";
import type * as secrets_store from "../secrets/store.js";
import type * as secrets_validators from "../secrets/validators.js";
import type * as secrets_vault from "../secrets/vault.js";
import type * as settings_ops from "../settings/ops.js";
import type * as settings_policy from "../settings/policy.js";
import type * as settings_providerConfig from "../settings/providerConfig.js";
import type * as settings_runtime from "../settings/runtime.js";
import type * as settings_validators from "../settings/validators.js";
import type * as skills_bundle from "../skills/bundle.js";
import type * as skills_catalogue from "../skills/catalogue.js";
import type * as skills_history from "../skills/history.js";
import type * as skills_listings from "../skills/listings.js";
import type * as skills_manifest from "../skills/manifest.js";
import type * as skills_naming from "../skills/naming.js";
import type * as skills_ops from "../skills/ops.js";
import type * as skills_paths from "../skills/paths.js";
import type * as skills_releasing from "../skills/releasing.js";
import type * as skills_rollingBack from "../skills/rollingBack.js";
import type * as skills_serving from "../skills/serving.js";
import type * as skills_store from "../skills/store.js";
import type * as skills_validators from "../skills/validators.js";
import type * as snapshots_checksum from "../snapshots/checksum.js";
import type * as snapshots_lineage from "../snapshots/lineage.js";
import type * as snapshots_ops from "../snapshots/ops.js";
import type * as snapshots_retention from "../snapshots/retention.js";
import type * as snapshots_store from "../snapshots/store.js";
import type * as snapshots_validators from "../snapshots/validators.js";
import type * as telegram_access from "../telegram/access.js";
import type * as telegram_botApi from "../telegram/botApi.js";
import type * as telegram_fetcher from "../telegram/fetcher.js";
import type * as telegram_ingest from "../telegram/ingest.js";
import type * as telegram_mime from "../telegram/mime.js";
import type * as telegram_notices from "../telegram/notices.js";
import type * as telegram_pairing from "../telegram/pairing.js";
import type * as telegram_protocol from "../telegram/protocol.js";
import type * as telegram_quarantine from "../telegram/quarantine.js";
import type * as telegram_records from "../telegram/records.js";
import type * as telegram_routing from "../telegram/routing.js";
import type * as telegram_setup from "../telegram/setup.js";
import type * as telegram_turns from "../telegram/turns.js";
import type * as telegram_update from "../telegram/update.js";
import type * as telegram_validators from "../telegram/validators.js";
import type * as trail_ops from "../trail/ops.js";
import type * as trail_validators from "../trail/validators.js";
import type * as upgrade_ops from "../upgrade/ops.js";
import type * as upgrade_runner from "../upgrade/runner.js";
import type * as upgrade_validators from "../upgrade/validators.js";
import type * as userAgents_ops from "../userAgents/ops.js";
import type * as userAgents_validators from "../userAgents/validators.js";
import type * as views_explaining from "../views/explaining.js";
import type * as views_explanation from "../views/explanation.js";
import type * as views_stats from "../views/stats.js";
import type * as views_validators from "../views/validators.js";
import type * as workers_control from "../workers/control.js";
import type * as workers_machine from "../workers/machine.js";
import type * as workers_ops from "../workers/ops.js";
import type * as workers_snapshotUploads from "../workers/snapshotUploads.js";
import type * as workers_validators from "../workers/validators.js";

import type {
  ApiFromModules,
  FilterApi,
  FunctionReference,
} from "convex/server";
import { anyApi, componentsGeneric } from "convex/server";

const fullApi: ApiFromModules<{
  "agents/ops": typeof agents_ops;
  "agents/policy": typeof agents_policy;
  "agents/store": typeof agents_store;
  "agents/validators": typeof agents_validators;
  config: typeof config;
  "conversations/moving": typeof conversations_moving;
  "conversations/ops": typeof conversations_ops;
  "conversations/transcript": typeof conversations_transcript;
  "conversations/validators": typeof conversations_validators;
  crons: typeof crons;
  "gateway/access": typeof gateway_access;
  "gateway/calls": typeof gateway_calls;
  "gateway/memoryVerbs": typeof gateway_memoryVerbs;
  "gateway/protocol": typeof gateway_protocol;
  "gateway/verbs": typeof gateway_verbs;
  "hydration/bundle": typeof hydration_bundle;
  "hydration/ops": typeof hydration_ops;
  "hydration/validators": typeof hydration_validators;
  "identity/bindings": typeof identity_bindings;
  "identity/bots": typeof identity_bots;
  "identity/machine": typeof identity_machine;
  "identity/ops": typeof identity_ops;
  "identity/pairing": typeof identity_pairing;
  "identity/policy": typeof identity_policy;
  "identity/readiness": typeof identity_readiness;
  "identity/softReset": typeof identity_softReset;
  "identity/store": typeof identity_store;
  "identity/validators": typeof identity_validators;
  "identity/views": typeof identity_views;
  "kit/functions": typeof kit_functions;
  "kit/logging": typeof kit_logging;
  "kit/random": typeof kit_random;
  "kit/wake": typeof kit_wake;
  lib: typeof lib;
  "messageTemplates/ops": typeof messageTemplates_ops;
  "messageTemplates/policy": typeof messageTemplates_policy;
  "messageTemplates/validators": typeof messageTemplates_validators;
  "providers/fly/api": typeof providers_fly_api;
  "providers/fly/auth": typeof providers_fly_auth;
  "providers/fly/client": typeof providers_fly_client;
  "providers/fly/create": typeof providers_fly_create;
  "providers/fly/deleteVolume": typeof providers_fly_deleteVolume;
  "providers/fly/errors": typeof providers_fly_errors;
  "providers/fly/fly": typeof providers_fly_fly;
  "providers/fly/governor": typeof providers_fly_governor;
  "providers/fly/http": typeof providers_fly_http;
  "providers/fly/machines": typeof providers_fly_machines;
  "providers/fly/naming": typeof providers_fly_naming;
  "providers/fly/retry": typeof providers_fly_retry;
  "providers/fly/schemas": typeof providers_fly_schemas;
  "providers/ops": typeof providers_ops;
  "providers/provider": typeof providers_provider;
  "providers/validators": typeof providers_validators;
  "push/broadcaster": typeof push_broadcaster;
  "push/broadcasting": typeof push_broadcasting;
  "push/counting": typeof push_counting;
  "push/dispatcher": typeof push_dispatcher;
  "push/dispatching": typeof push_dispatching;
  "push/jobs": typeof push_jobs;
  "push/listings": typeof push_listings;
  "push/ops": typeof push_ops;
  "push/schedule": typeof push_schedule;
  "push/store": typeof push_store;
  "push/templates": typeof push_templates;
  "push/texts": typeof push_texts;
  "push/validators": typeof push_validators;
  "push/wake": typeof push_wake;
  "queue/answers": typeof queue_answers;
  "queue/candidates": typeof queue_candidates;
  "queue/claiming": typeof queue_claiming;
  "queue/clock": typeof queue_clock;
  "queue/deadLetters": typeof queue_deadLetters;
  "queue/ingress": typeof queue_ingress;
  "queue/intake": typeof queue_intake;
  "queue/invariants": typeof queue_invariants;
  "queue/leases": typeof queue_leases;
  "queue/listings": typeof queue_listings;
  "queue/machine": typeof queue_machine;
  "queue/media": typeof queue_media;
  "queue/ops": typeof queue_ops;
  "queue/order": typeof queue_order;
  "queue/outcomes": typeof queue_outcomes;
  "queue/pausing": typeof queue_pausing;
  "queue/payload": typeof queue_payload;
  "queue/retry": typeof queue_retry;
  "queue/revising": typeof queue_revising;
  "queue/store": typeof queue_store;
  "queue/takeover": typeof queue_takeover;
  "queue/validators": typeof queue_validators;
  "retention/sweeper": typeof retention_sweeper;
  "scheduler/backoff": typeof scheduler_backoff;
  "scheduler/capacity": typeof scheduler_capacity;
  "scheduler/creating": typeof scheduler_creating;
  "scheduler/effects": typeof scheduler_effects;
  "scheduler/environment": typeof scheduler_environment;
  "scheduler/facts": typeof scheduler_facts;
  "scheduler/loop": typeof scheduler_loop;
  "scheduler/ops": typeof scheduler_ops;
  "scheduler/orphans": typeof scheduler_orphans;
  "scheduler/pass": typeof scheduler_pass;
  "scheduler/plan": typeof scheduler_plan;
  "scheduler/probe": typeof scheduler_probe;
  "scheduler/proofs": typeof scheduler_proofs;
  "scheduler/records": typeof scheduler_records;
  "scheduler/reservations": typeof scheduler_reservations;
  "scheduler/reserve": typeof scheduler_reserve;
  "scheduler/setup": typeof scheduler_setup;
  "scheduler/start": typeof scheduler_start;
  "scheduler/teardown": typeof scheduler_teardown;
  "scheduler/validators": typeof scheduler_validators;
  "scheduler/wakeups": typeof scheduler_wakeups;
  "scheduler/world": typeof scheduler_world;
  "secrets/base64": typeof secrets_base64;
  "secrets/envelope": typeof secrets_envelope;
  "secrets/keyring": typeof secrets_keyring;
  "secrets/legacy": typeof secrets_legacy;
  "secrets/ops": typeof secrets_ops;
  "secrets/store": typeof secrets_store;
  "secrets/validators": typeof secrets_validators;
  "secrets/vault": typeof secrets_vault;
  "settings/ops": typeof settings_ops;
  "settings/policy": typeof settings_policy;
  "settings/providerConfig": typeof settings_providerConfig;
  "settings/runtime": typeof settings_runtime;
  "settings/validators": typeof settings_validators;
  "skills/bundle": typeof skills_bundle;
  "skills/catalogue": typeof skills_catalogue;
  "skills/history": typeof skills_history;
  "skills/listings": typeof skills_listings;
  "skills/manifest": typeof skills_manifest;
  "skills/naming": typeof skills_naming;
  "skills/ops": typeof skills_ops;
  "skills/paths": typeof skills_paths;
  "skills/releasing": typeof skills_releasing;
  "skills/rollingBack": typeof skills_rollingBack;
  "skills/serving": typeof skills_serving;
  "skills/store": typeof skills_store;
  "skills/validators": typeof skills_validators;
  "snapshots/checksum": typeof snapshots_checksum;
  "snapshots/lineage": typeof snapshots_lineage;
  "snapshots/ops": typeof snapshots_ops;
  "snapshots/retention": typeof snapshots_retention;
  "snapshots/store": typeof snapshots_store;
  "snapshots/validators": typeof snapshots_validators;
  "telegram/access": typeof telegram_access;
  "telegram/botApi": typeof telegram_botApi;
  "telegram/fetcher": typeof telegram_fetcher;
  "telegram/ingest": typeof telegram_ingest;
  "telegram/mime": typeof telegram_mime;
  "telegram/notices": typeof telegram_notices;
  "telegram/pairing": typeof telegram_pairing;
  "telegram/protocol": typeof telegram_protocol;
  "telegram/quarantine": typeof telegram_quarantine;
  "telegram/records": typeof telegram_records;
  "telegram/routing": typeof telegram_routing;
  "telegram/setup": typeof telegram_setup;
  "telegram/turns": typeof telegram_turns;
  "telegram/update": typeof telegram_update;
  "telegram/validators": typeof telegram_validators;
  "trail/ops": typeof trail_ops;
  "trail/validators": typeof trail_validators;
  "upgrade/ops": typeof upgrade_ops;
  "upgrade/runner": typeof upgrade_runner;
  "upgrade/validators": typeof upgrade_validators;
  "userAgents/ops": typeof userAgents_ops;
  "userAgents/validators": typeof userAgents_validators;
  "views/explaining": typeof views_explaining;
  "views/explanation": typeof views_explanation;
  "views/stats": typeof views_stats;
  "views/validators": typeof views_validators;
  "workers/control": typeof workers_control;
  "workers/machine": typeof workers_machine;
  "workers/ops": typeof workers_ops;
  "workers/snapshotUploads": typeof workers_snapshotUploads;
  "workers/validators": typeof workers_validators;
}> = anyApi as any;

/**
 * A utility for referencing Convex functions in your app's public API.
 *
 * Usage:
 * ```js
 * const myFunctionReference = api.myModule.myFunction;
 * ```
 */
export const api: FilterApi<
  typeof fullApi,
  FunctionReference<any, "public">
> = anyApi as any;

/**
 * A utility for referencing Convex functions in your app's internal API.
 *
 * Usage:
 * ```js
 * const myFunctionReference = internal.myModule.myFunction;
 * ```
 */
export const internal: FilterApi<
  typeof fullApi,
  FunctionReference<any, "internal">
> = anyApi as any;

export const components = componentsGeneric() as unknown as {};

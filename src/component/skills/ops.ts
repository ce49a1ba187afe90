/** The skills' door for other rooms. */
export { deleteSkill, setSkillStatus } from "./catalogue.js";
export { listReleases, listSkills } from "./listings.js";
export { deploySkill, type Deployment } from "./releasing.js";
export { rollbackSkill, type Rollback } from "./rollingBack.js";
export { workerManifest, type ManifestRequest } from "./serving.js";

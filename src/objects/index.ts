export { addAttribute, checkGiven, deleteAttribute, modifyAttribute } from './attribute-rules.ts'
export { AttributeSet, type InstanceOf, referenceOf } from './attribute-set.ts'
export { certificateAttributes } from './certificate-attributes.ts'
export { indexTerms, type Storage, type Term, type TermRange } from './index-terms.ts'
export { activate, advance, destroy, revoke, stateAt } from './lifecycle.ts'
export { matches, type Search, searchesFor } from './locate-match.ts'
export { ManagedObject, type ManagedObjectParts, type ObjectType, policyOf, type State } from './managed-object.ts'
export { type NewObject, newObject } from './new-object.ts'
export type { ObjectForm, SplitKeyForm } from './object-form.ts'
export { askedResidence, isResident, withoutResidence } from './residence.ts'
export { Secret } from './secret.ts'
export { uuidOf } from './short-identifier.ts'
export { assertUsable, consumeUsage, isLimited, type Use } from './usage.ts'
export {
  type AlgorithmName,
  type CurveName,
  type KeyKind,
  type KeyPolicy,
  type KeyType,
  residentName,
  type WrappedKey,
} from './wrapped-key.ts'

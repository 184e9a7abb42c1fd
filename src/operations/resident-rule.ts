/** A tenant's rule for keys that stay in their device for good. */
export interface ResidentRule {
  readonly keys: 'refused' | 'allowed' | 'required'
  /** Of them at a time. */
  readonly most: number
  /** Why there can be none here whatever the rule; undefined where there can. */
  readonly obstacle?: string | undefined
}

/** Where the context says nothing. */
export const usualResidentRule: ResidentRule = { keys: 'allowed', most: 100 }

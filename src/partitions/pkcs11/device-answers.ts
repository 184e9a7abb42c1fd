import { ckr } from './constants.ts'
import type { Phase } from './device-session.ts'

/**
 * What a device's refusal means: the device, the login or what was held in it is gone, and all can be opened again (`lost`); it lacks what was asked
 * (`lacking`); the key is not for it (`unfit`) or may not leave (`confined`); the data is not what it should be (`altered`); there is no room (`full`).
 */
export type Meaning = 'lost' | 'lacking' | 'unfit' | 'confined' | 'altered' | 'full'

type Answer = Exclude<keyof typeof ckr, 'OK'>

/** Of calls that say the same before and after data went in. */
const always: Readonly<Partial<Record<Answer, Meaning>>> = {
  SLOT_ID_INVALID: 'lost',
  DEVICE_ERROR: 'lost',
  DEVICE_MEMORY: 'lost',
  DEVICE_REMOVED: 'lost',
  KEY_HANDLE_INVALID: 'lost',
  OBJECT_HANDLE_INVALID: 'lost',
  // Of a call that is no login: the next login tells what is to be done.
  PIN_EXPIRED: 'lost',
  SESSION_CLOSED: 'lost',
  SESSION_HANDLE_INVALID: 'lost',
  TOKEN_NOT_PRESENT: 'lost',
  TOKEN_NOT_RECOGNIZED: 'lost',
  UNWRAPPING_KEY_HANDLE_INVALID: 'lost',
  USER_NOT_LOGGED_IN: 'lost',
  WRAPPING_KEY_HANDLE_INVALID: 'lost',
  CRYPTOKI_NOT_INITIALIZED: 'lost',
  FIPS_SELF_TEST_FAILED: 'lost',

  ARGUMENTS_BAD: 'lacking',
  ATTRIBUTE_TYPE_INVALID: 'lacking',
  FUNCTION_NOT_SUPPORTED: 'lacking',
  MECHANISM_INVALID: 'lacking',
  MECHANISM_PARAM_INVALID: 'lacking',
  TEMPLATE_INCOMPLETE: 'lacking',
  RANDOM_NO_RNG: 'lacking',
  DOMAIN_PARAMS_INVALID: 'lacking',
  CURVE_NOT_SUPPORTED: 'lacking',

  ATTRIBUTE_VALUE_INVALID: 'unfit',
  KEY_SIZE_RANGE: 'unfit',
  KEY_TYPE_INCONSISTENT: 'unfit',
  KEY_FUNCTION_NOT_PERMITTED: 'unfit',
  TEMPLATE_INCONSISTENT: 'unfit',
  UNWRAPPING_KEY_SIZE_RANGE: 'unfit',
  UNWRAPPING_KEY_TYPE_INCONSISTENT: 'unfit',
  WRAPPING_KEY_SIZE_RANGE: 'unfit',
  WRAPPING_KEY_TYPE_INCONSISTENT: 'unfit',
  PUBLIC_KEY_INVALID: 'unfit',

  KEY_NOT_WRAPPABLE: 'confined',
  KEY_UNEXTRACTABLE: 'confined',

  SESSION_COUNT: 'full',
  TOKEN_RESOURCE_EXCEEDED: 'full',
}

/** Of calls that say it before data went in. */
const atSetup: Readonly<Partial<Record<Answer, Meaning>>> = { DATA_LEN_RANGE: 'unfit' }

/** Of calls on data that came from outside: devices say all kinds of things for a wrong tag or padding. */
const onData: Readonly<Partial<Record<Answer, Meaning>>> = {
  GENERAL_ERROR: 'altered',
  FUNCTION_FAILED: 'altered',
  DATA_INVALID: 'altered',
  DATA_LEN_RANGE: 'altered',
  ENCRYPTED_DATA_INVALID: 'altered',
  ENCRYPTED_DATA_LEN_RANGE: 'altered',
  AEAD_DECRYPT_FAILED: 'altered',
  WRAPPED_KEY_INVALID: 'altered',
  WRAPPED_KEY_LEN_RANGE: 'altered',
}

/** Undefined for what says no more than that the device failed. */
export function meaningOf(code: number | undefined, phase: Phase): Meaning | undefined {
  return code === undefined ? undefined : byCode[phase].get(code)
}

const byCode: Readonly<Record<Phase, ReadonlyMap<number, Meaning>>> = {
  setup: numbered({ ...always, ...atSetup }),
  data: numbered({ ...always, ...onData }),
}

function numbered(meanings: Readonly<Partial<Record<Answer, Meaning>>>): ReadonlyMap<number, Meaning> {
  return new Map((Object.entries(meanings) as [Answer, Meaning][]).map(([name, meaning]) => [ckr[name], meaning]))
}

import test from 'ava'
import type { ResultReason } from '../../spec/kmip-error.ts'
import { deviceError, isLost } from '../../src/partitions/pkcs11/device-error.ts'
import { DeviceFailure } from '../../src/partitions/pkcs11/device-session.ts'

type Row = readonly [code: number, name: string, atSetup: ResultReason, onData: ResultReason]

const same = (reason: ResultReason, codes: Readonly<Record<string, number>>): Row[] =>
  Object.entries(codes).map(([name, code]) => [code, name, reason, reason])

const lost: readonly Row[] = same('GeneralFailure', {
  SLOT_ID_INVALID: 0x3,
  DEVICE_ERROR: 0x30,
  DEVICE_MEMORY: 0x31,
  DEVICE_REMOVED: 0x32,
  KEY_HANDLE_INVALID: 0x60,
  OBJECT_HANDLE_INVALID: 0x82,
  PIN_EXPIRED: 0xa3,
  SESSION_CLOSED: 0xb0,
  SESSION_HANDLE_INVALID: 0xb3,
  TOKEN_NOT_PRESENT: 0xe0,
  TOKEN_NOT_RECOGNIZED: 0xe1,
  UNWRAPPING_KEY_HANDLE_INVALID: 0xf0,
  USER_NOT_LOGGED_IN: 0x101,
  WRAPPING_KEY_HANDLE_INVALID: 0x113,
  CRYPTOKI_NOT_INITIALIZED: 0x190,
  FIPS_SELF_TEST_FAILED: 0x1b6,
})

const told: readonly Row[] = [
  ...same('UnsupportedCryptographicParameters', {
    ARGUMENTS_BAD: 0x7,
    ATTRIBUTE_TYPE_INVALID: 0x12,
    FUNCTION_NOT_SUPPORTED: 0x54,
    MECHANISM_INVALID: 0x70,
    MECHANISM_PARAM_INVALID: 0x71,
    TEMPLATE_INCOMPLETE: 0xd0,
    RANDOM_NO_RNG: 0x121,
    DOMAIN_PARAMS_INVALID: 0x130,
    CURVE_NOT_SUPPORTED: 0x140,
  }),
  ...same('InvalidField', {
    ATTRIBUTE_VALUE_INVALID: 0x13,
    KEY_SIZE_RANGE: 0x62,
    KEY_TYPE_INCONSISTENT: 0x63,
    KEY_FUNCTION_NOT_PERMITTED: 0x68,
    TEMPLATE_INCONSISTENT: 0xd1,
    UNWRAPPING_KEY_SIZE_RANGE: 0xf1,
    UNWRAPPING_KEY_TYPE_INCONSISTENT: 0xf2,
    WRAPPING_KEY_SIZE_RANGE: 0x114,
    WRAPPING_KEY_TYPE_INCONSISTENT: 0x115,
    PUBLIC_KEY_INVALID: 0x1b9,
  }),
  ...same('NotExtractable', { KEY_NOT_WRAPPABLE: 0x69, KEY_UNEXTRACTABLE: 0x6a }),
  ...same('ServerLimitExceeded', { SESSION_COUNT: 0xb1, TOKEN_RESOURCE_EXCEEDED: 0x201 }),
  [0x21, 'DATA_LEN_RANGE', 'InvalidField', 'CryptographicFailure'],
  [0x5, 'GENERAL_ERROR', 'GeneralFailure', 'CryptographicFailure'],
  [0x6, 'FUNCTION_FAILED', 'GeneralFailure', 'CryptographicFailure'],
  [0x20, 'DATA_INVALID', 'GeneralFailure', 'CryptographicFailure'],
  [0x40, 'ENCRYPTED_DATA_INVALID', 'GeneralFailure', 'CryptographicFailure'],
  [0x41, 'ENCRYPTED_DATA_LEN_RANGE', 'GeneralFailure', 'CryptographicFailure'],
  [0x42, 'AEAD_DECRYPT_FAILED', 'GeneralFailure', 'CryptographicFailure'],
  [0x110, 'WRAPPED_KEY_INVALID', 'GeneralFailure', 'CryptographicFailure'],
  [0x112, 'WRAPPED_KEY_LEN_RANGE', 'GeneralFailure', 'CryptographicFailure'],
  // What says no more than that it failed: vendors' own answers too.
  ...same('GeneralFailure', { HOST_MEMORY: 0x2, BUFFER_TOO_SMALL: 0x150, TOKEN_WRITE_PROTECTED: 0xe2, VENDOR_DEFINED: 0x80000001 }),
]

for (const [code, name, atSetup, onData] of [...lost, ...told])
  test(`CKR_${name} is told as what it means`, (t) => {
    for (const [phase, reason] of [
      ['setup', atSetup],
      ['data', onData],
    ] as const) {
      const cause = new DeviceFailure(`CKR_${name}`, code, phase)
      const error = deviceError({ partition: 'bank', mechanism: 'AES-GCM' }, cause)
      t.is(error.reason, reason, phase)
      t.is(error.cause, cause)
      t.regex(error.message, /AES-GCM/)
      // Of data that may be an attacker's no more is told than that it is wrong.
      t.is(error.message.includes(`CKR_${name}`), reason !== 'CryptographicFailure')
      t.is(
        isLost(error),
        lost.some(([one]) => one === code),
      )
      t.is(error.message.includes('opened anew'), isLost(error))
    }
  })

test('what is no answer of a device is a failure of it, and no loss', (t) => {
  const error = deviceError({ partition: 'bank', mechanism: 'AES-GCM' }, new Error('a bug'))
  t.is(error.reason, 'GeneralFailure')
  t.false(isLost(error))
})

/**
 * The cases that use only operations of this server and do not pass yet, each with what it waits for. A case that begins to pass
 * must be taken off this list; one that is not on it must pass.
 */
export const waitingFor: Readonly<Record<string, readonly string[]>> = {
  "a binding of OpenSSL that gives OAEP's mask another hash than OAEP, or a token that does": [
    'v1.4/mandatory/CS-AC-M-OAEP-7-14.xml',
    'v1.4/mandatory/CS-AC-M-OAEP-8-14.xml',
    'v1.4/mandatory/CS-AC-M-OAEP-9-14.xml',
    'v1.4/mandatory/CS-AC-M-OAEP-10-14.xml',
    'v2.1/mandatory/CS-AC-M-OAEP-7-21.xml',
    'v2.1/mandatory/CS-AC-M-OAEP-8-21.xml',
    'v2.1/mandatory/CS-AC-M-OAEP-9-21.xml',
    'v2.1/mandatory/CS-AC-M-OAEP-10-21.xml',
  ],
  'a binding of OpenSSL that signs a digest with ECDSA, or a token': ['v1.4/testcases/TC-ECDSA-SIGN-DIGESTEDDATA-1-14.xml'],
  'nothing: SKIPJACK, which no partition has': [
    'v1.0/optional/SKFF-O-1-10.xml',
    'v1.0/optional/SKFF-O-2-10.xml',
    'v1.0/optional/SKFF-O-3-10.xml',
  ],
  'one-time passwords, whose objects the case expects to be there': [
    'v1.4/testcases/TC-OTP-1-14.xml',
    'v1.4/testcases/TC-OTP-2-14.xml',
    'v1.4/testcases/TC-OTP-3-14.xml',
    'v1.4/testcases/TC-OTP-4-14.xml',
    'v1.4/testcases/TC-OTP-5-14.xml',
  ],
  'PKCS#12 as a Key Format Type': ['v1.4/testcases/TC-PKCS12-1-14.xml', 'v1.4/testcases/TC-PKCS12-2-14.xml'],
  'client registration, which Query does not claim': ['v1.4/testcases/TC-CREG-2-14.xml', 'v1.4/testcases/TC-Q-CREG-1-14.xml'],
  'a server that claims other profiles, capabilities, generators or validations: what Query answers here is the truth': [
    'v1.4/testcases/TC-Q-CAP-1-14.xml',
    'v1.4/testcases/TC-Q-CAP-2-14.xml',
    'v1.4/testcases/TC-Q-CAP-3-14.xml',
    'v1.4/testcases/TC-Q-PROF-1-14.xml',
    'v1.4/testcases/TC-Q-PROF-2-14.xml',
    'v1.4/testcases/TC-Q-PROF-3-14.xml',
    'v1.4/testcases/TC-Q-RNGS-4-14.xml',
    'v1.4/testcases/TC-Q-S2C-1-14.xml',
    'v1.4/testcases/TC-Q-S2C-PROF-1-14.xml',
    'v1.4/testcases/TC-Q-VAL-1-14.xml',
  ],
  'a second identity, set up beforehand': ['v1.0/testcases/TC-111-10.xml'],
  'nothing: the case contradicts itself (another version in the answer, or a key that was never sent)': [
    'v1.0/testcases/TC-ECC-3-10.xml',
    'v1.4/optional/OMOS-O-1-14.xml',
    'v1.4/testcases/TC-ECC-2-14.xml',
  ],
  'nothing: the key that two pairs agree on is the same for everyone only if the pairs are, and the case makes its own': [
    'v1.4/testcases/TC-DERIVEKEY-6-14.xml',
  ],
  'nothing: it wants Opaque where KMIP 2.1 §6.1.19 says Raw is the default of Secret Data': ['v1.4/testcases/TC-CREATE-SD-1-14.xml'],
}

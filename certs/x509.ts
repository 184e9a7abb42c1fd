import 'reflect-metadata'
import * as x509 from '@peculiar/x509'

x509.cryptoProvider.set(globalThis.crypto)

/** The one door to `@peculiar/x509`, which wants `reflect-metadata` loaded and a crypto provider set before its first use. */
export { x509 }

import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Config } from './config.ts'
import { rootSource } from './configured-root.ts'
import { dataFolder } from './node-files.ts'
import { Secret } from './objects/secret.ts'
import { readRoot } from './partitions/index.ts'

/*
 * Both ends of a process that lives for a second: it loads the module that seals the root secret, logs in, opens the secret and ends. So
 * neither the process that has the ledger nor those that face the network have the module or its PIN.
 */

/** @throws Error saying why the token does not open it */
export function unsealInChild(config: Config): Promise<Secret> {
  const child = fork(fileURLToPath(import.meta.url), ['unseal'], { execArgv: [], serialization: 'advanced' })
  return new Promise((resolve, reject) => {
    child.on('message', (answer: 'awake' | Answer) => {
      if (answer === 'awake') child.send(config)
      else if ('secret' in answer) resolve(new Secret(answer.secret))
      else reject(new Error(answer.why))
    })
    child.once('error', reject)
    child.once('exit', (code, signal) =>
      reject(new Error(`the process that opens the root secret ended (${signal ?? `exit code ${code}`})`)),
    )
  })
}

type Answer = { readonly secret: Uint8Array } | { readonly why: string }

async function unseal(config: Config): Promise<Answer> {
  try {
    const secret = await readRoot(rootSource(config, dataFolder(config)))
    return { secret: secret.expose() }
  } catch (error) {
    return { why: error instanceof Error ? error.message : String(error) }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.once('message', (config: Config) => {
    void unseal(config).then((answer) => process.send?.(answer, undefined, undefined, () => process.exit(0)))
  })
  process.send?.('awake')
}

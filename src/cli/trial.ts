import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { callAdmin, type IssuedCertificate } from '../admin/index.ts'
import { Client } from '../client/index.ts'
import type { Config } from '../config.ts'
import { dataFolder } from '../node-files.ts'
import { isCurrent, makeBundle, readBundle } from './bundle.ts'
import { flagOption, type Invocation } from './command.ts'
import { runMainJob } from './main-job.ts'
import { makeData, makeDevelopmentSecrets, reloadConfig } from './make-data-folder.ts'
import type { Output } from './output.ts'
import { addressOption, addressText, bundleFolder, configOf, dataWords, shownPath } from './place.ts'
import { runNode, type ServedNode, whyTaken } from './run-node.ts'
import { showFolder } from './show-folder.ts'

const demo = { tenant: 'demo', user: 'app' }

/** What `start` does: a data folder, a tenant, a client, a node; the main job once; then it serves until a signal comes. */
export async function tryTresor(invocation: Invocation): Promise<void> {
  const { output } = invocation
  const found = await configOf(invocation)
  const listen = addressOption(invocation, 'listen')
  const before = await makeData(found, { listen: listen && addressText(listen), secrets: makeDevelopmentSecrets })
  const config = await forTrial(await reloadConfig(found), listen)
  showFolder(output, config, before === 'new' ? 'new' : 'kept')
  const served = await runNode(config, { insecure: flagOption(invocation, 'insecure-development') })
  try {
    await show(invocation, config, served)
  } catch (error) {
    await served.stop()
    throw error
  }
  await served.ended
}

/** Quiet where a log would stand between the steps; another operator port where several are tried side by side. */
async function forTrial(config: Config, listen: Config['listen']['kmip'][number] | undefined): Promise<Config> {
  const { log, operator } = config
  const taken = operator.port !== 0 && (await whyTaken(operator)) !== undefined
  return {
    ...config,
    listen: listen === undefined ? config.listen : { ...config.listen, kmip: [listen] },
    operator: taken ? { ...operator, port: 0 } : operator,
    log: log.file === undefined && log.level === 'info' ? { ...log, level: 'warn' } : log,
  }
}

async function show(invocation: Invocation, config: Config, served: ServedNode): Promise<void> {
  const { output } = invocation
  await makeTenant(config, output)
  const bundle = await makeClient(config, output)
  const [kmip = ''] = served.kmip
  output.step('listening', `${served.kmip.join(', ')}  KMIP 1.0 to 2.1, TLS 1.2 and 1.3, client certificate required`, { kmip })
  const operator = addressText({ host: config.operator.host, port: served.node.processes.operatorPort ?? config.operator.port })
  output.step('operator', `http://${operator}  /healthz, /readyz, /metrics`, { operator })
  output.line()
  await useKey(bundle, config, served, output)
  if (output.isJson) return output.json({ event: 'ready', kmip, bundle: givenPath(invocation, config, bundle) })
  output.line()
  output.line('Ready. Make a key of your own:')
  output.line(`  npx tresor ${dataWords(invocation)}client create --name first-key`)
}

async function makeTenant(config: Config, output: Output): Promise<void> {
  const tenants = (await callAdmin(config.data, 'tenant.list')) as { readonly tenant: string; readonly kind: string }[]
  const known = tenants.find(({ tenant }) => tenant === demo.tenant)
  const { tenant, kind } = known ?? ((await callAdmin(config.data, 'tenant.add', { tenant: demo.tenant })) as (typeof tenants)[number])
  output.step('tenant', `${tenant}, ${kind} partition`, { tenant, partition: kind })
}

async function makeClient(config: Config, output: Output): Promise<string> {
  const folder = bundleFolder(config.data, demo.tenant, demo.user)
  const authority = readFileSync(join(dataFolder(config).authority, 'ca.pem'), 'utf8')
  if (!isCurrent(folder, authority)) {
    await makeBundle(folder, async (publicKey) => {
      const { issued } = (await callAdmin(config.data, 'tenant.enroll', { ...demo, publicKey })) as { readonly issued: IssuedCertificate }
      return issued
    })
  }
  output.step('client', `${shownPath(folder)}  (ca.pem, cert.pem, key.pem, client.p12)`, { bundle: folder })
  return folder
}

async function useKey(bundle: string, { listen }: Config, { node }: ServedNode, output: Output): Promise<void> {
  const host = reachable(listen.kmip[0]?.host ?? '127.0.0.1')
  const client = new Client({ endpoints: [{ host, port: node.processes.ports.kmip ?? 0 }], ...readBundle(bundle), connectionsPerNode: 1 })
  try {
    await runMainJob(client, ({ name, operation, text, milliseconds, facts }) => {
      output.step(output.isJson ? name : operation, `${text.padEnd(52)}${milliseconds.toFixed(1).padStart(8)} ms`, {
        ...facts,
        milliseconds,
      })
    })
  } finally {
    client.close()
  }
}

/** Where an address that means every interface is reached from here. */
function reachable(host: string): string {
  return host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
}

/** The bundle under the folder's name as it was given, so that a program finds it where it looks. */
function givenPath({ dataGiven }: Invocation, config: Config, bundle: string): string {
  return dataGiven === undefined ? shownPath(bundle) : bundle.replace(config.data, dataGiven.replace(/(?<=.)\/+$/, ''))
}

import { type Command, flagOption } from '../command.ts'
import { addressOption, addressText, configOf, dataWords } from '../place.ts'

export const init: Command = {
  name: 'init',
  usage: '[--listen HOST:PORT] [--bare]',
  summary: 'Make a data folder: configuration, certificates, root secret.',
  details: `The folder is its owner's alone (mode 0700) and appears whole or not at all. What is there already is never overwritten; running it
again completes what is missing. It gets a development authority, which issues the server's certificate and the clients' bundles, and a
root secret in a file, which protects software partitions: good on one machine, refused on a network. With --bare neither is made:
name your certificates in tresor.yaml and keep keys in HSM partitions. Next: tresor serve, then tresor tenant add NAME.`,
  arity: [0, 0],
  options: {
    listen: { type: 'string', value: 'HOST:PORT', help: 'address of KMIP, for tresor.yaml; 127.0.0.1:5696 unless said' },
    bare: { type: 'boolean', help: 'no development authority and no root secret file' },
  },
  async run(invocation) {
    const { makeData, makeDevelopmentSecrets, makeNoSecrets, reloadConfig } = await import('../make-data-folder.ts')
    const { showFolder } = await import('../show-folder.ts')
    const { output } = invocation
    const listen = addressOption(invocation, 'listen')
    const config = await configOf(invocation)
    const before = await makeData(config, {
      listen: listen && addressText(listen),
      secrets: flagOption(invocation, 'bare') ? makeNoSecrets : makeDevelopmentSecrets,
    })
    showFolder(output, await reloadConfig(config), before === 'made' ? 'unchanged' : before === 'begun' ? 'completed' : 'new')
    output.line()
    output.line(`Next: npx tresor ${dataWords(invocation)}serve`)
  },
}

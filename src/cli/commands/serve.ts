import { type Command, CommandError, flagOption } from '../command.ts'
import { folderState } from '../data-format.ts'
import { addressOption, configOf, dataWords, shownPath } from '../place.ts'

export const serve: Command = {
  name: 'serve',
  usage: '[--listen HOST:PORT] [--insecure-development]',
  summary: 'Serve the data folder until SIGTERM or SIGINT.',
  details: `The folder must have been made: tresor init. Requests in progress are answered before it ends (10 seconds at most). While it runs the
other commands reach it over a socket in the data folder; /healthz, /readyz and /metrics are on the operator's port.`,
  arity: [0, 0],
  options: {
    listen: { type: 'string', value: 'HOST:PORT', help: 'in place of listen.kmip of tresor.yaml' },
    'insecure-development': { type: 'boolean', help: 'serve other machines with development certificates or a root secret in a file' },
  },
  async run(invocation) {
    const { output } = invocation
    const config = await configOf(invocation)
    const state = folderState(config.data)
    if (state !== 'made') {
      const where = shownPath(config.data)
      const what = state === 'new' ? `there is no data in ${where}; make it` : `${where} is not complete; complete it`
      throw new CommandError(`${what}: tresor ${dataWords(invocation)}init`)
    }
    const { runNode } = await import('../run-node.ts')
    const listen = addressOption(invocation, 'listen')
    const chosen = listen === undefined ? config : { ...config, listen: { ...config.listen, kmip: [listen] } }
    const served = await runNode(chosen, { insecure: flagOption(invocation, 'insecure-development') })
    if (output.isJson) output.json({ event: 'ready', kmip: served.kmip[0], data: config.data })
    else output.step('listening', served.kmip.join(', '))
    await served.ended
  },
}

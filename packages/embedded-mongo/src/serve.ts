/** The whole server in the current thread: engine and listener. */
import { executeRequest } from './commands/registry.ts';
import { Engine, type EngineOptions } from './engine.ts';
import { listen } from './wire/server.ts';

export interface ServeOptions extends EngineOptions {
  readonly port: number;
  readonly host: string;
}

export interface RunningServer {
  readonly port: number;
  /** Stops intake, finishes queued writes, closes the store. */
  close(): Promise<void>;
}

/** Opens the data folder and listens. */
export async function serve(options: ServeOptions): Promise<RunningServer> {
  const engine = new Engine(options);
  try {
    const server = await listen(options.host, options.port, (connectionId) => ({
      handle: (request) => executeRequest(engine, request, connectionId),
      onClose: () => {},
    }));
    return {
      port: server.port,
      close: async () => {
        await server.close();
        await engine.close();
      },
    };
  } catch (error) {
    await engine.close();
    throw error;
  }
}

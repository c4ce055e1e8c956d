/** One instruction of a Dockerfile; its text has continuation lines joined. */
export interface Instruction {
  name: string;
  text: string;
}

export interface Stage {
  base: string;
  alias: string | undefined;
  instructions: Instruction[];
}

export interface Dockerfile {
  stages: Stage[];
}

/** The stages of a Dockerfile, with the arguments before the first FROM and their defaults filled in. */
export function parseDockerfile(source: string): Dockerfile {
  const variables: Record<string, string> = {};
  const stages: Stage[] = [];
  for (const { name, text } of instructionsOf(source)) {
    if (name === 'FROM') stages.push(stageOf(expand(text, variables)));
    else if (stages.length === 0) Object.assign(variables, assignmentsOf(text));
    else stages.at(-1)?.instructions.push({ name, text });
  }
  return { stages };
}

/** `NAME=value NAME="other value"` */
export function assignmentsOf(text: string): Record<string, string> {
  const found = text.matchAll(/([\w.]+)(?:=("[^"]*"|\S*))?/g);
  return Object.fromEntries([...found].map(([, name, value = '']) => [name, value.replace(/^"|"$/g, '')]));
}

export const expand = (text: string, variables: Record<string, string>): string =>
  text.replace(/\$\{(\w+)\}/g, (_, name: string) => variables[name] ?? '');

function instructionsOf(source: string): Instruction[] {
  const lines = source.split('\n').filter((line) => !/^\s*(#|$)/.test(line));
  return lines
    .join('\n')
    .replace(/\\\n\s*/g, ' ')
    .split('\n')
    .map((line) => {
      const [, name = '', text = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
      if (name === '') throw new Error(`not an instruction: ${line}`);
      return { name: name.toUpperCase(), text: text.trim() };
    });
}

function stageOf(text: string): Stage {
  const [base = '', as, alias] = text.split(/\s+/);
  return { base, alias: as?.toUpperCase() === 'AS' ? alias : undefined, instructions: [] };
}

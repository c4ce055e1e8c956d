export const OUTCOME_FILE: string;

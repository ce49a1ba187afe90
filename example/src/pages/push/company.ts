/** The app's only company: real apps take it from their own tables. */
export const COMPANY_ID = "demo";

import { useCallback, useState, type ChangeEvent } from "react";

type Control = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;
type Bound = { value: string; onChange: (event: ChangeEvent<Control>) => void };

export type Fields<T> = {
  values: T;
  /** `value` and `onChange` of one control. */
  bind: (name: keyof T) => Bound;
  reset: () => void;
};

/** The text fields of a form, `empty` at first and after `reset`. `empty` must be one and the same object. */
export function useFields<T extends Record<string, string>>(empty: T): Fields<T> {
  const [values, setValues] = useState(empty);
  const bind = (name: keyof T): Bound => ({
    value: values[name] ?? "",
    onChange: (event) => {
      const { value } = event.target;
      setValues((before) => ({ ...before, [name]: value }));
    },
  });
  return { values, bind, reset: useCallback(() => setValues(empty), [empty]) };
}

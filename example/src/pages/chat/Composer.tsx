import { useState } from "react";

type Props = { isSending: boolean; onSend: (text: string) => Promise<boolean> };

/** Enter sends, Shift+Enter makes a line. */
export function Composer({ isSending, onSend }: Props) {
  const [text, setText] = useState("");
  const send = () => {
    const given = text.trim();
    if (given === "" || isSending) return;
    setText("");
    void onSend(given).then((ok) => {
      if (!ok) setText(given);
    });
  };
  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <label className="grow">
        <span className="unseen">Message</span>
        <textarea
          rows={2}
          value={text}
          placeholder="Write a message …"
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
            event.preventDefault();
            send();
          }}
        />
      </label>
      <button type="submit" className="primary" disabled={text.trim() === ""}>
        Send
      </button>
    </form>
  );
}

//! The pump's agent: lets in whoever comes, while its window is open.
//!
//! A pump has neither display nor keys, and must say so: BlueZ takes the capability of its default agent for the whole radio,
//! and one that could show a number would have every reconnection ask for keys that nobody can authenticate. The library
//! derives "can show" from "wants to be asked", so this agent speaks to BlueZ itself.

use std::sync::Arc;

use dbus::{
    Message, Path,
    channel::{MatchingReceiver as _, Sender as _, Token},
    message::MatchRule,
    nonblock::{Proxy, SyncConnection},
    strings::ErrorName,
};

use super::{
    LinkError,
    bus::{ANSWER_MAX, BLUEZ},
};

const AGENT_PATH: &str = "/pump/agent";
const AGENT: &str = "org.bluez.Agent1";
const MANAGER_PATH: &str = "/org/bluez";
const MANAGER: &str = "org.bluez.AgentManager1";

/// An agent that stands until it is dropped.
pub(super) struct LetIn {
    connection: Arc<SyncConnection>,
    serving: Token,
}

impl LetIn {
    /// Registers it as the one that strangers meet.
    pub(super) async fn register(connection: Arc<SyncConnection>) -> Result<Self, LinkError> {
        let rule = MatchRule::new_method_call().with_path(AGENT_PATH).with_interface(AGENT);
        let serving = connection.start_receive(
            rule,
            Box::new(|asked, connection| {
                // Nobody waits for an answer that can't be sent: then the bus is gone.
                let _ = connection.send(answer(&asked));
                true
            }),
        );
        let agent = Self { connection, serving };
        agent.ask("RegisterAgent", (Path::from(AGENT_PATH), "NoInputNoOutput")).await?;
        agent.ask("RequestDefaultAgent", (Path::from(AGENT_PATH),)).await?;
        Ok(agent)
    }

    async fn ask(&self, method: &str, arguments: impl dbus::arg::AppendAll) -> Result<(), LinkError> {
        let manager = Proxy::new(BLUEZ, MANAGER_PATH, ANSWER_MAX, self.connection.clone());
        let answered: Result<(), dbus::Error> = manager.method_call(MANAGER, method, arguments).await;
        answered.map_err(|error| LinkError::NoAgent(error.to_string()))
    }
}

impl Drop for LetIn {
    fn drop(&mut self) {
        self.connection.stop_receive(self.serving);
        if let Ok(leaving) = Message::new_method_call(BLUEZ, MANAGER_PATH, MANAGER, "UnregisterAgent") {
            // Without a bus there is no agent either.
            let _ = self.connection.send(leaving.append1(Path::from(AGENT_PATH)));
        }
    }
}

/// Yes to a bond, no to whatever would need eyes or fingers.
fn answer(asked: &Message) -> Message {
    match asked.member().as_deref() {
        Some("RequestAuthorization" | "Release" | "Cancel") => asked.method_return(),
        _ => asked.error(&ErrorName::from("org.bluez.Error.Rejected"), c"a pump has neither display nor keys"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bond_is_let_in_and_a_number_is_not_compared() {
        let asked = |member: &str| {
            let mut asked = Message::new_method_call(BLUEZ, AGENT_PATH, AGENT, member).unwrap();
            asked.set_serial(1);
            answer(&asked).msg_type()
        };
        assert_eq!(asked("RequestAuthorization"), dbus::MessageType::MethodReturn);
        for member in ["RequestConfirmation", "RequestPasskey", "RequestPinCode", "DisplayPasskey", "AuthorizeService"]
        {
            assert_eq!(asked(member), dbus::MessageType::Error, "{member}");
        }
    }
}
